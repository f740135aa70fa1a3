// Package bench measures crosswalk beside its yardstick, a hand-written handler that runs the same SQL with a prepared
// statement and encodes the same JSON. Both serve in this process, over real HTTP, against one database, and take
// turns, so that what is reported are ratios of one run: times differ between machines, ratios hardly do.
//
// The seller is generated: see Market. Start reading at Run; sections says what is measured.
package bench
