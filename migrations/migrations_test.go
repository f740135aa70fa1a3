package migrations_test

import (
	"regexp"
	"strings"
	"testing"

	"crosswalk/migrations"
)

// breaking is what a migration must not do, because replicas of the version before go on working with what it takes
// away or tightens. To do it all the same takes two versions: one that no longer needs it, and one that does it.
var breaking = map[string]*regexp.Regexp{
	"drops a table, a column or a type": regexp.MustCompile(`(?i)\bDROP\s+(TABLE|COLUMN|TYPE|VIEW|SCHEMA)\b`),
	"renames something":                 regexp.MustCompile(`(?i)\bRENAME\b`),
	"changes the type of a column":      regexp.MustCompile(`(?i)\bALTER\s+COLUMN\s+\w+\s+(SET\s+DATA\s+)?TYPE\b`),
	"has a column need a value":         regexp.MustCompile(`(?i)\bALTER\s+COLUMN\s+\w+\s+SET\s+NOT\s+NULL\b`),
	"empties a table":                   regexp.MustCompile(`(?i)\bTRUNCATE\b`),
}

// addedColumn is a column that is added to a table, as far as the end of its definition.
var addedColumn = regexp.MustCompile(`(?i)\bADD\s+COLUMN\s+[^,;]*`)

func TestMigrationsLeaveTheVersionBeforeWorking(t *testing.T) {
	t.Parallel()
	files, err := migrations.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := migrations.FS.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		up, _, hasDown := strings.Cut(string(text), "-- +goose Down")
		if !hasDown || !strings.Contains(up, "-- +goose Up") {
			t.Errorf("%s has not both ways, up and down", file.Name())
		}
		up = regexp.MustCompile(`--[^\n]*`).ReplaceAllString(up, "")
		for what, pattern := range breaking {
			if found := pattern.FindString(up); found != "" {
				t.Errorf("%s %s (%s), which the version before may need", file.Name(), what, found)
			}
		}
		for _, column := range addedColumn.FindAllString(up, -1) {
			upper := strings.ToUpper(column)
			if strings.Contains(upper, "NOT NULL") && !strings.Contains(upper, "DEFAULT") && !strings.Contains(upper, "GENERATED") {
				t.Errorf("%s adds a column that needs a value, which the version before does not give: %s", file.Name(), column)
			}
		}
	}
}
