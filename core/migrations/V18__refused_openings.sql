-- The first screen counts the groups that the server would not open. There are hardly ever any, and there may be
-- thousands of groups: it need not look at each.
CREATE INDEX grp_refused ON grp (grp) WHERE refused IS NOT NULL;
