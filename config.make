# The rule for the module's static library. Cargo knows best whether anything has to be built, so it is asked
# each time; it does not touch a library that is up to date. It reads its configuration, which names the crates that
# came along, where it runs.

# This machine's paths are not in what is built.
ngx_cors_policy_remap="--remap-path-prefix=`cd "$ngx_addon_dir" && pwd`=."
ngx_cors_policy_remap="$ngx_cors_policy_remap --remap-path-prefix=`pwd`=nginx"
ngx_cors_policy_remap="$ngx_cors_policy_remap --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"

cat << END                                                    >> $NGX_MAKEFILE

$ngx_cors_policy_bin:	$ngx_cors_policy_lib

$ngx_cors_policy_lib:	ngx_cors_policy_ask_cargo
	cd '$ngx_addon_dir' && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \\
		RUSTFLAGS="\$\$RUSTFLAGS $ngx_cors_policy_remap" \\
		NGINX_SOURCE_DIR='`pwd`' NGINX_BUILD_DIR='$ngx_cors_policy_objs' \\
		$CARGO rustc --release --locked --lib --crate-type staticlib \\
		--package $ngx_addon_name \\
		--no-default-features --target-dir '$ngx_cors_policy_target'

ngx_cors_policy_ask_cargo:

END
