# What stands for the official image of nginx where that cannot be had: Debian 13 with an nginx that has its paths and its
# options. build/test-image builds it, from a folder with the source of nginx in nginx/.

FROM debian:trixie-slim
ARG NGINX_VERSION
ENV NGINX_VERSION=${NGINX_VERSION}
COPY nginx /nginx
RUN apt-get update && \
    apt-get install --yes --no-install-recommends build-essential libpcre2-dev libssl-dev zlib1g-dev && \
    groupadd --system --gid 101 nginx && \
    useradd --system --gid nginx --no-create-home --home /nonexistent --shell /bin/false --uid 101 nginx && \
    cd /nginx && ./configure --prefix=/etc/nginx --sbin-path=/usr/sbin/nginx --modules-path=/usr/lib/nginx/modules \
        --conf-path=/etc/nginx/nginx.conf --error-log-path=/var/log/nginx/error.log \
        --http-log-path=/var/log/nginx/access.log --pid-path=/run/nginx.pid --lock-path=/run/nginx.lock \
        --http-client-body-temp-path=/var/cache/nginx/client_temp --http-proxy-temp-path=/var/cache/nginx/proxy_temp \
        --http-fastcgi-temp-path=/var/cache/nginx/fastcgi_temp --http-uwsgi-temp-path=/var/cache/nginx/uwsgi_temp \
        --http-scgi-temp-path=/var/cache/nginx/scgi_temp --user=nginx --group=nginx --with-compat --with-file-aio \
        --with-threads --with-http_addition_module --with-http_auth_request_module --with-http_dav_module \
        --with-http_gunzip_module --with-http_gzip_static_module --with-http_realip_module --with-http_slice_module \
        --with-http_ssl_module --with-http_stub_status_module --with-http_sub_module --with-http_v2_module \
        --with-http_v3_module --with-mail --with-stream --with-stream_ssl_module && \
    make -j2 install && \
    mkdir -p /usr/lib/nginx/modules /var/cache/nginx /etc/nginx/conf.d && \
    # As the official configuration does.
    sed -i 's|^ *server {|    include /etc/nginx/conf.d/*.conf;\n    server {|;t;' /etc/nginx/nginx.conf && \
    apt-get purge --yes --auto-remove build-essential libpcre2-dev libssl-dev zlib1g-dev && \
    apt-get install --yes --no-install-recommends libpcre2-8-0 libssl3t64 zlib1g && \
    rm -rf /nginx /var/lib/apt/lists/*
CMD ["nginx", "-g", "daemon off;"]
