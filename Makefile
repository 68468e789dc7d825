# For people; `make help` lists what there is. The work is done by the scripts in build/.

export CARGO ?= cargo
export DIST ?= dist
export PORT ?= 8080
export NGINX_SOURCE ?=
export NGINX_OPTIONS ?=
export ARCH ?=
export SUITE ?=

.DEFAULT_GOAL := help

# The targets share target/ and dist/.
.NOTPARALLEL:

.PHONY: help build run test lint test-unit test-specs test-panics test-compare test-import test-probe browser-test \
	test-debian test-neighbours test-hostile test-matrix test-changes soak test-valgrind test-sanitize test-layout \
	test-configure test-nginx test-musl test-arm64 dist bench bench-check deb deb-matrix rpm test-rpm image test-image \
	public-suffixes clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  DIST=folder            where make build puts what it has built (dist)'
	@echo '  NGINX_SOURCE_DIR=path  make build: for the nginx configured there'
	@echo '  NGINX_SOURCE=path      make test-nginx: the source of an nginx, configured or not'
	@echo '  NGINX_OPTIONS=words    make test-nginx: more options for its configure'
	@echo '  NGINX_BUILD_DIR=path   make build: the same, where its objs/ is somewhere else'
	@echo '  ARCH=arm64             make deb: for that processor'
	@echo '  SUITE=name             make deb: for that release of Debian (trixie, for instance)'
	@echo '  PORT=number            make run: the port on 127.0.0.1 (8080); the playground has the next'
	@echo '  CARGO=command          another cargo'

build: ## build the module, nginx and the cors-policy tool into dist/
	@build/packages build
	@build/module

run: ## run the demo of nginx-conf/ on 127.0.0.1:8080
	@build/run

test: ## check format and lints, and run the tests of the ten parts that follow, and bench-check
	@build/packages build test browser probe bench-check
	@build/test lint unit specs panics compare import probe browser debian neighbours bench

lint: ## check format and lints
	@build/packages build
	@build/test lint

test-unit: ## test the engine and the tool, without nginx
	@build/test unit

test-specs: ## test the module in the nginx that comes with it (t/)
	@build/packages build test
	@build/test specs

test-panics: ## test that a panic costs one request a 500, and nothing else (t/panics/)
	@build/packages build test
	@build/test panics

test-import: ## test that nginx.conf and what it is imported as do the same, on two servers (t/import/)
	@build/packages build test
	@build/test import

test-probe: ## test cors-policy probe against faulty, sound and hostile servers (t/probe/)
	@build/packages build probe
	@build/test probe

test-compare: ## test that nginx does everything but CORS as without the module (t/compare/)
	@build/packages build test
	@build/test compare

browser-test: ## test in Chromium what pages of many origins see (t/browser/), and the playground
	@build/packages build run browser
	@build/test browser

test-debian: ## test the module in Debian's nginx (t/)
	@build/packages build test
	@build/test debian

test-neighbours: ## test the module beside all modules that Debian has for nginx (t/neighbours/)
	@build/packages build test
	@build/test neighbours

test-matrix: ## test the module in the nginx of Debian 13 and unstable, built with their Rust
	@build/packages matrix
	@build/matrix

test-musl: ## test the module in an nginx on musl, as on Alpine
	@build/packages matrix
	@build/musl

test-arm64: ## build the packages for arm64, and test them and the module in Debian's nginx for arm64, in qemu
	@build/packages matrix dist arm64
	@build/arm64

test-hostile: ## test millions of hostile requests against the engine, and thousands through nginx
	@build/packages build test
	@build/test hostile

test-changes: ## test policies that change under load, a million origins and 500 times
	@build/packages build test
	@build/test changes

soak: ## reload nginx a thousand times under mixed load (two to six minutes)
	@build/packages build test
	@build/test soak

test-valgrind: ## test the module in an nginx that valgrind watches
	@build/packages build test valgrind
	@build/test valgrind

test-sanitize: ## test the module in an nginx with AddressSanitizer and UndefinedBehaviorSanitizer
	@build/packages build test sanitize
	@build/test sanitize

test-layout: ## test that a build notices when nginx's headers have changed
	@build/packages build
	@build/test layout

bench: ## measure the module beside what people use now, into bench/results/ and README.md
	@build/packages build bench
	@build/bench run

bench-check: ## compare the instructions that a request takes with bench/results/
	@build/packages build bench-check
	@build/test bench

test-nginx: ## test the module in another nginx: make test-nginx NGINX_SOURCE=nginx-1.30.6
	@build/packages build test
	@build/test nginx

test-configure: ## test the module as nginx's own configure builds it, loaded and linked
	@build/packages build test
	@build/test configure

dist: ## make the source tarball, from which packages and images are built, into dist/
	@build/packages dist
	@build/dist

deb: ## build the Debian packages for the release that runs here, or for SUITE and ARCH, into dist/
	@build/packages matrix dist $(filter arm64,$(ARCH))
	@build/deb

deb-matrix: ## build and test the packages of Debian 12, 13 and unstable, into dist/
	@build/packages matrix dist
	@build/deb test

rpm: ## build the RPM packages for nginx.org's nginx, in a root folder of Debian 13, into dist/
	@build/packages matrix dist
	@build/rpm

test-rpm: ## build the RPM packages twice, ask rpmlint, install, upgrade and remove them
	@build/packages matrix dist
	@build/rpm test

image: ## build the container image of the Dockerfile
	@build/packages dist
	@build/image

test-image: ## build the image with buildah, run it and ask it
	@build/packages matrix image dist
	@build/test-image

public-suffixes: ## renew the Public Suffix List in policy/data/ (FILE=path: from a copy)
	@build/packages run
	@build/public-suffixes $(FILE)

clean: ## remove everything built
	[ ! -e target/matrix ] || build/matrix clean
	[ ! -e target/musl ] || build/musl clean
	[ ! -e target/arm64 ] || build/arm64 clean
	[ ! -e target/deb ] || build/deb clean
	[ ! -e target/rpm ] || build/rpm clean
	[ ! -e target/image ] || build/test-image clean
	rm -rf target dist t/servroot* t/browser/node_modules t/probe/node_modules
