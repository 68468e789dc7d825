# For people; `make help` lists what there is. The work is done by the scripts in build/.

export CARGO ?= cargo
export DIST ?= dist
export PORT ?= 8080

.DEFAULT_GOAL := help

# The targets share target/ and dist/.
.NOTPARALLEL:

.PHONY: help build run test lint test-unit test-specs test-panics test-compare test-debian \
	test-hostile test-matrix test-changes soak test-valgrind test-sanitize \
	test-layout clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  DIST=folder            where make build puts what it has built (dist)'
	@echo '  NGINX_SOURCE_DIR=path  make build: for the nginx configured there'
	@echo '  NGINX_BUILD_DIR=path   make build: the same, where its objs/ is somewhere else'
	@echo '  PORT=number            make run: the port on 127.0.0.1 (8080)'
	@echo '  CARGO=command          another cargo'

build: ## build the module, nginx and the cors-policy tool into dist/
	@build/packages build
	@build/module

run: ## run the demo of nginx-conf/ on 127.0.0.1:8080
	@build/run

test: ## check format and lints, and run the tests of the six parts that follow
	@build/packages build test
	@build/test lint unit specs panics compare debian

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

test-compare: ## test that nginx does everything but CORS as without the module (t/compare/)
	@build/packages build test
	@build/test compare

test-debian: ## test the module in Debian's nginx (t/)
	@build/packages build test
	@build/test debian

test-matrix: ## test the module in the nginx of Debian 13 and unstable, built with their Rust
	@build/packages matrix
	@build/matrix

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

clean: ## remove everything built
	[ ! -e target/matrix ] || build/matrix clean
	rm -rf target dist t/servroot*
