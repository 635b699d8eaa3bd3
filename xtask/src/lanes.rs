//! The lanes of the checks, in the order they run: cheapest first.

/// One lane.
pub(crate) struct Lane {
    /// Name for the command line.
    pub(crate) name: &'static str,
    /// What it checks.
    pub(crate) what: &'static str,
    /// Commands, one after the other.
    pub(crate) steps: &'static [Step],
}

/// One command.
pub(crate) struct Step {
    /// Program.
    pub(crate) program: &'static str,
    /// Its arguments.
    pub(crate) arguments: &'static [&'static str],
    /// Environment variables beside the caller's.
    pub(crate) environment: &'static [(&'static str, &'static str)],
}

const fn cargo(arguments: &'static [&'static str]) -> Step {
    Step { program: "cargo", arguments, environment: &[] }
}

/// Every lane.
pub(crate) const ALL: &[Lane] = &[
    Lane { name: "fmt", what: "every file is formatted", steps: &[cargo(&["fmt", "--all", "--check"])] },
    Lane {
        name: "deny",
        what: "licences, bans and sources of the dependencies (no advisory database is reached here)",
        steps: &[cargo(&["deny", "--all-features", "check", "bans", "licenses", "sources"])],
    },
    Lane {
        name: "clippy",
        what: "no warning anywhere",
        steps: &[cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])],
    },
    Lane {
        name: "test",
        what: "the README's test command",
        steps: &[Step {
            program: "cargo",
            arguments: &["test", "--locked", "--workspace"],
            // The browser and the other languages have their own lanes, where they must be there.
            environment: &[("BROWSER_TESTS", "skip"), ("BINDINGS_TESTS", "skip")],
        }],
    },
    Lane {
        name: "fleet",
        what: "200 stories of phones, a server and a bad line between them",
        steps: &[Step {
            program: "cargo",
            // Of the whole workspace, so that what the lane `test` built is used.
            arguments: &["test", "--locked", "--workspace", "--test", "fleet", "--", "--nocapture"],
            environment: &[("FLEET_SEEDS", "200")],
        }],
    },
    Lane {
        name: "browser",
        what: "the pages in a real browser",
        steps: &[Step {
            program: "cargo",
            arguments: &["test", "--locked", "--workspace", "--test", "browser"],
            environment: &[("BROWSER_TESTS", "required")],
        }],
    },
    Lane {
        name: "bindings",
        what: "the generated bindings, from Python against a real server",
        steps: &[
            // The same packages and features as the lane `test`: what that built is used.
            cargo(&["test", "--locked", "--workspace", "--no-run"]),
            Step {
                program: "cargo",
                arguments: &["test", "--locked", "--workspace", "--test", "contract"],
                environment: &[("BINDINGS_TESTS", "required")],
            },
        ],
    },
    Lane {
        name: "pyxform",
        what: "the XForms of the corpus say what those of pyxform say",
        steps: &[cargo(&["run", "--quiet", "--locked", "--package", "xtask", "--", "pyxform"])],
    },
    Lane {
        name: "demo",
        what: "the README's demo ends with every check holding",
        steps: &[cargo(&["run", "--locked", "--release", "--", "demo", "--no-serve", "--json"])],
    },
    Lane {
        name: "fuzz",
        what: "the fuzz targets still build",
        steps: &[cargo(&[
            "check",
            "--locked",
            "--manifest-path",
            "core/domain/fuzz/Cargo.toml",
            "--target-dir",
            "target/fuzz",
        ])],
    },
    Lane {
        name: "docs",
        what: "the documentation builds without a warning",
        steps: &[Step {
            program: "cargo",
            arguments: &["doc", "--locked", "--workspace", "--no-deps"],
            environment: &[("RUSTDOCFLAGS", "-D warnings")],
        }],
    },
];
