"""A real server in a temporary folder, with people, codes and a case that two of them share."""

import atexit
import os
import re
import subprocess
import tempfile
from pathlib import Path

PARTNER = "Durham Family Support"

MAP = """
partner = "Durham Family Support"
author = "Dana Whitfield"
reference_date = 2016-03-31

[groups.family]
key = "Family no"
[groups.child]
key = ["Family no", "First name"]
[groups.case]
key = "Case no"

[records.family]
later = ["interpreter_needed", "contact_preferences", "address_confidential", "preferred_language"]
[records.family.fields]
family_ref = { columns = ["Area", "Family no"], join = "-F-" }
area = "Area"

[records.child]
later = ["ethnicity", "sen_provision_at_referral", "setting_type", "vulnerability_markers", "sex"]
[records.child.fields]
given_name = { column = "First name", tidy = "name" }
family_name = { column = "Surname", tidy = "name" }
known_as = { column = "First name", tidy = "name" }
date_of_birth = { column = "DOB", required = true }
primary_need = { constant = "NSA" }

[records.case]
later = ["ehc_route", "ehc_stage"]
[records.case.fields]
case_ref = "Case no"
client_type = { constant = "PARENT" }
status = { constant = "REFERRED" }
allocated_supporter = { column = "Worker", person = true, grant = true }
"""

CASE = "840-C-00101"


class Office:
    """Starts the server once for all tests of a run."""

    _running = None

    @classmethod
    def running(cls):
        if cls._running is None:
            cls._running = cls()
        return cls._running

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.store = Path(self.folder.name) / "alongside.db"
        self.people = {}
        self.add("Dana Whitfield", "COORDINATOR")
        # The second import hands the case to Bob; Ann keeps her access to it.
        for worker in ("Ann Green", "Bob Reed"):
            self.add(worker, "SUPPORTER")
            self._import(worker)
        self.process = subprocess.Popen(
            self._command("serve", "--listen", "127.0.0.1:0"),
            stdout=subprocess.PIPE, env=self._environment(), text=True,
        )
        atexit.register(self.stop)
        line = self.process.stdout.readline()
        found = re.match(r"Alongside serves at (\S+)\. ", line)
        assert found, f"the server does not start: {line!r}"
        self.url = found.group(1)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()

    def add(self, name, role):
        """Adds a person; gives the id."""
        said = self._run("user", "add", "--name", name, "--role", role, "--partner", PARTNER, "--areas", "840")
        self.people[name] = re.search(r"^person (\S+)$", said, re.M).group(1)
        return self.people[name]

    def code(self, name):
        """A one-time code for a person's phone."""
        said = self._run("enrol", "--person", self.people[name])
        return re.search(r"^code +(\S+)$", said, re.M).group(1)

    def revoke_phones_of(self, name):
        """Revokes every phone of a person."""
        for line in self._run("device", "list").splitlines():
            device, person = line.split("\t")[:2]
            if person == self.people[name]:
                self._run("device", "revoke", "--device", device)

    def _import(self, worker):
        sheet = Path(self.folder.name) / "referrals.csv"
        sheet.write_text(
            "Family no,Area,Surname,First name,DOB,Case no,Worker\n"
            f"101,840,Okafor,Ada,3/9/2006,{CASE},{worker}\n"
        )
        map_file = Path(self.folder.name) / "map.toml"
        map_file.write_text(MAP)
        said = self._run("import", str(sheet), "--map", str(map_file), "--json")
        assert '"rejected":0' in said, said

    def _command(self, *arguments):
        return [os.environ["SERVER_BINARY"], "--store", str(self.store), *arguments]

    def _environment(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ALONGSIDE_")}
        return {**kept, "ALONGSIDE_LOG": "error"}

    def _run(self, *arguments):
        ran = subprocess.run(
            self._command(*arguments), env=self._environment(), text=True, capture_output=True, check=False
        )
        assert ran.returncode == 0, f"{arguments[0]}: {ran.stderr}"
        return ran.stdout
