//! The lanes of the checks, in the order they run: cheapest first.

/// One lane.
pub(crate) struct Lane {
    /// Name for the command line.
    pub(crate) name: &'static str,
    /// What it checks.
    pub(crate) what: &'static str,
    /// Commands, one after the other.
    pub(crate) steps: &'static [Step],
    /// Runs only where it is named: another lane has it already, without building anything again.
    pub(crate) part_of: Option<&'static str>,
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

/// How many stories of the fleet are told.
const FLEET: (&str, &str) = ("FLEET_SEEDS", "200");
/// Without a browser the tests of the pages fail, where they would be passed over.
const BROWSER: (&str, &str) = ("BROWSER_TESTS", "required");
/// The same of the bindings and Python.
const BINDINGS: (&str, &str) = ("BINDINGS_TESTS", "required");

/// Every lane.
pub(crate) const ALL: &[Lane] = &[
    Lane {
        name: "fmt",
        what: "every file is formatted",
        steps: &[cargo(&["fmt", "--all", "--check"])],
        part_of: None,
    },
    Lane {
        name: "deny",
        what: "licences, bans and sources of the dependencies (no advisory database is reached here)",
        steps: &[cargo(&["deny", "--all-features", "check", "bans", "licenses", "sources"])],
        part_of: None,
    },
    Lane {
        name: "clippy",
        what: "no warning anywhere",
        steps: &[cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])],
        part_of: None,
    },
    Lane {
        name: "test",
        what: "the README's test command, with 200 stories of the fleet, a real browser and the bindings",
        steps: &[Step {
            program: "cargo",
            arguments: &["test", "--locked", "--workspace"],
            environment: &[FLEET, BROWSER, BINDINGS],
        }],
        part_of: None,
    },
    Lane {
        name: "fleet",
        what: "200 stories of phones, a server and a bad line between them",
        steps: &[Step {
            program: "cargo",
            arguments: &["test", "--locked", "--workspace", "--test", "fleet", "--", "--nocapture"],
            environment: &[FLEET],
        }],
        part_of: Some("test"),
    },
    Lane {
        name: "browser",
        what: "the pages in a real browser",
        steps: &[Step {
            program: "cargo",
            arguments: &["test", "--locked", "--workspace", "--test", "browser"],
            environment: &[BROWSER],
        }],
        part_of: Some("test"),
    },
    Lane {
        name: "bindings",
        what: "the generated bindings, from Python against a real server",
        steps: &[
            // The library and the server that the test loads and starts.
            cargo(&["test", "--locked", "--workspace", "--no-run"]),
            Step {
                program: "cargo",
                arguments: &["test", "--locked", "--workspace", "--test", "contract"],
                environment: &[BINDINGS],
            },
        ],
        part_of: Some("test"),
    },
    Lane {
        name: "pyxform",
        what: "the XForms of the corpus say what those of pyxform say",
        steps: &[cargo(&["run", "--quiet", "--locked", "--package", "xtask", "--", "pyxform"])],
        part_of: None,
    },
    Lane {
        name: "evaluators",
        what: "expressions give what ODK's and Enketo's evaluators give, but for what is listed",
        steps: &[cargo(&["run", "--quiet", "--locked", "--package", "xtask", "--", "evaluators"])],
        part_of: None,
    },
    Lane {
        name: "demo",
        what: "the README's demo ends with every check holding",
        steps: &[cargo(&["run", "--locked", "--release", "--", "demo", "--no-serve", "--json"])],
        part_of: None,
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
        part_of: None,
    },
    Lane {
        name: "docs",
        what: "the documentation builds without a warning",
        steps: &[Step {
            program: "cargo",
            arguments: &["doc", "--locked", "--workspace", "--no-deps"],
            environment: &[("RUSTDOCFLAGS", "-D warnings")],
        }],
        part_of: None,
    },
];
