// Package migrations carries the steps that build the database, one SQL file each, inside the binary.
//
// Files are named 00001_what_it_makes.sql and run in that order. A file that has been released is never
// changed: a later one corrects it. internal/postgres applies them.
package migrations

import "embed"

// FS holds the SQL files.
//
//go:embed *.sql
var FS embed.FS
