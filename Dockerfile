# nginx of Debian 13 with the module, from the packages of debian/. It serves the demo on port 8080, or what is
# mounted at /etc/nginx/conf.d: docs/install.md. It is built from the source tarball of `make dist`, without network but
# for Debian's packages.

FROM debian:trixie-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends build-essential
WORKDIR /build/source
ARG VERSION=0.2.0
ADD dist/nginx-cors-policy-${VERSION}.tar.gz /build/
RUN mv /build/nginx-cors-policy-${VERSION}/* /build/nginx-cors-policy-${VERSION}/.[a-z]* . && \
    apt-get build-dep --yes --no-install-recommends ./
RUN DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage --build=binary --no-sign
RUN mkdir -p /demo/conf.d && cp nginx-conf/image.conf /demo/nginx.conf && \
    cp nginx-conf/cors.yaml nginx-conf/htpasswd /demo && \
    # For other hosts than this one. A socket would be in the way when a container that was killed starts again.
    sed -e 's/listen 127.0.0.1:8080/listen 8080/' -e 's|unix:/tmp/cors-policy-application.sock|127.0.0.1:8081|' \
        nginx-conf/gateway.conf > /demo/conf.d/demo.conf

FROM debian:trixie-slim
LABEL org.opencontainers.image.title="nginx with CORS policies" \
      org.opencontainers.image.description="nginx with ngx_http_cors_policy_module, and cors-policy" \
      org.opencontainers.image.licenses="Apache-2.0 AND MPL-2.0"
COPY --from=build /build/*.deb /tmp/packages/
RUN apt-get update && \
    apt-get install --yes --no-install-recommends /tmp/packages/*.deb && \
    rm -rf /tmp/packages /var/lib/apt/lists/*
COPY --from=build /demo/ /etc/nginx/
# www-data, by number for those who have to see that it is not root.
USER 33:33
EXPOSE 8080
STOPSIGNAL SIGQUIT
# Any answer will do, whatever is configured.
HEALTHCHECK --interval=10s --timeout=3s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' >&3 && read -r answer <&3 && [[ $answer == HTTP/* ]]"]
CMD ["nginx", "-e", "stderr", "-g", "daemon off;"]
