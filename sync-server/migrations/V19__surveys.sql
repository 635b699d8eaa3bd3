-- Forms that are answered by link. What was answered is records of the feed; here is who was asked, how far
-- they are, and what they have not sent yet.

-- One run of a survey: its answers live in one group, or, without one, in the groups that its links name.
CREATE TABLE survey_runs (
    tenant    INTEGER NOT NULL,
    id        BLOB NOT NULL CHECK (length(id) = 16),
    survey    TEXT NOT NULL,                               -- its code in the programme
    name      TEXT NOT NULL,
    partner   BLOB NOT NULL CHECK (length(partner) = 16),
    group_id  BLOB CHECK (length(group_id) = 16),
    author    BLOB NOT NULL CHECK (length(author) = 16),   -- whom the answers are written as
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX survey_runs_partner ON survey_runs (tenant, partner);

-- One link of one respondent. The token itself is kept nowhere.
CREATE TABLE survey_links (
    tenant      INTEGER NOT NULL,
    run         BLOB NOT NULL CHECK (length(run) = 16),
    number      INTEGER NOT NULL,
    hash        BLOB NOT NULL CHECK (length(hash) = 32),
    label       TEXT NOT NULL,                             -- whom it was given to
    says        TEXT NOT NULL,                             -- what it answers by itself: JSON
    group_id    BLOB NOT NULL CHECK (length(group_id) = 16),
    made_at     INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    revoked_at  INTEGER,
    reminders   INTEGER NOT NULL DEFAULT 0,
    reminded_at INTEGER,
    -- Of an unfinished answer: sealed with a key that follows from the token, so that only who has the link
    -- can read it; how often it was saved; how many questions are asked and answered.
    draft       BLOB NOT NULL DEFAULT x'',
    saves       INTEGER NOT NULL DEFAULT 0,
    asked       INTEGER NOT NULL DEFAULT 0,
    answered    INTEGER NOT NULL DEFAULT 0,
    -- Day, not moment, and neither of an anonymous one: that it was finished is all that is kept.
    touched_at  INTEGER,
    finished    INTEGER NOT NULL DEFAULT 0,
    record      BLOB CHECK (length(record) = 16),
    PRIMARY KEY (tenant, run, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX survey_links_hash ON survey_links (tenant, hash);
-- One answer each: the same respondent has one link that works.
CREATE UNIQUE INDEX survey_links_one ON survey_links (tenant, run, label, says, group_id)
    WHERE revoked_at IS NULL;
CREATE INDEX survey_links_group ON survey_links (tenant, group_id);
