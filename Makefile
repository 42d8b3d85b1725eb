# The door to everything: `make run` to try Postern, `make test` to see that it works. `make help`
# lists the rest. The build itself is meson's.

BUILD := build
STAGE := $(CURDIR)/$(BUILD)/stage

.PHONY: all build run demo test bench bench-upgrade fuzz lint install clean help

all: build

build: $(BUILD)/build.ninja
	@meson compile -C $(BUILD)
	@meson install -C $(BUILD) --no-rebuild --quiet --destdir $(STAGE)

$(BUILD)/build.ninja:
	meson setup $(BUILD)

run:
	@scripts/install-packages build run
	@$(MAKE) --no-print-directory build
	@exec scripts/run-demo

demo:
	@scripts/install-packages build run
	@$(MAKE) --no-print-directory build
	@scripts/demo

test:
	@scripts/install-packages build test
	@$(MAKE) --no-print-directory build
	@tests/run

lint:
	@scripts/install-packages build test lint
	@$(MAKE) --no-print-directory build
	@tests/run --lint

bench:
	@scripts/install-packages build run bench
	@$(MAKE) --no-print-directory build
	@bench/run

bench-upgrade:
	@scripts/install-packages build run bench
	@$(MAKE) --no-print-directory build
	@bench/upgrade

fuzz:
	@scripts/install-packages build lint
	@tests/fuzz/run

# As root; honours DESTDIR as meson does.
install: build
	@meson install -C $(BUILD) --no-rebuild
	@[ -n "$(DESTDIR)" ] || scripts/create-users

clean:
	rm -rf $(BUILD) run

help:
	@echo 'make run      installs what is missing, builds, starts Postern before a real Dovecot on'
	@echo '              loopback and says how to read mail through it; Ctrl-C ends all of it'
	@echo 'make demo     plays who comes to the door and what happens, as a table; ends by itself'
	@echo 'make test     unit tests, and real clients, servers and attackers against it'
	@echo 'make build    compiles into $(BUILD)/ and installs into $(BUILD)/stage'
	@echo 'make lint     static analysis, layering, symbols'
	@echo 'make bench    measures it beside nginx, HAProxy and Dovecot'
	@echo 'make bench-upgrade   three upgrades under 2,000 sessions and logins without a pause'
	@echo 'make fuzz     runs the fuzz targets for some minutes'
	@echo 'make install  installs under /usr/local (as root) and makes the users of its roles'
	@echo 'make clean    removes $(BUILD)/ and run/'
