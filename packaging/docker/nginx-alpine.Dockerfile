# The official image of nginx on Alpine, with the module and cors-policy. It is built from the source tarball of `make dist`.
#
#     docker build -f packaging/docker/nginx-alpine.Dockerfile --build-arg NGINX_VERSION=1.30.6 .
#
# NGINX_VERSION is a whole version, since its source is needed. NGINX_SOURCE is where that comes from: a URL, or the path of a
# tarball in dist/. NGINX_SHA256, if it is given, is what the tarball from a URL has to be.
# docs/install.md says how this was tested.

ARG NGINX_VERSION=1.30.6
FROM nginx:${NGINX_VERSION}-alpine AS build
ARG NGINX_VERSION
ARG NGINX_SOURCE=https://nginx.org/download/nginx-${NGINX_VERSION}.tar.gz
ARG NGINX_SHA256=
ARG VERSION=0.2.0
RUN apk add --no-cache build-base cargo clang-libclang linux-headers pcre2-dev zlib-dev
WORKDIR /build
# A tarball that is here is unpacked by this, one from a URL is not.
ADD ${NGINX_SOURCE} /build/
ADD dist/nginx-cors-policy-${VERSION}.tar.gz /build/
RUN set -e; \
    if [ ! -d nginx-${NGINX_VERSION} ]; then \
        [ -z "${NGINX_SHA256}" ] || echo "${NGINX_SHA256}  nginx-${NGINX_VERSION}.tar.gz" | sha256sum -c; \
        tar xf nginx-${NGINX_VERSION}.tar.gz; \
    fi; \
    cd nginx-${NGINX_VERSION}; \
    # The other options of the nginx that loads it do not matter then.
    ./configure --with-compat --add-dynamic-module=/build/nginx-cors-policy-${VERSION}; \
    make modules; \
    cd ../nginx-cors-policy-${VERSION}; \
    RUSTFLAGS="--remap-path-prefix=$PWD=." cargo build --release --locked --package cors-policy-cli; \
    mkdir /files; \
    cp /build/nginx-${NGINX_VERSION}/objs/ngx_http_cors_policy_module.so target/release/cors-policy \
        THIRD-PARTY.md sbom/*.json /files; \
    strip --strip-unneeded /files/*.so /files/cors-policy

FROM nginx:${NGINX_VERSION}-alpine
COPY --from=build /files/ngx_http_cors_policy_module.so /usr/lib/nginx/modules/
COPY --from=build /files/cors-policy /usr/bin/
COPY --from=build /files/*.md /files/*.json /usr/share/doc/nginx-cors-policy/
# The tool needs it; the module does not.
RUN apk add --no-cache libgcc
# A configuration that is mounted over this one has to load the module itself.
RUN sed -i '1i load_module modules/ngx_http_cors_policy_module.so;' /etc/nginx/nginx.conf && \
    nginx -t && cors-policy --version
