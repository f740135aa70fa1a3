// Package rule holds the rules of invoicing: what kind of charge a line is, when it is charged, what keeps it
// out of ConnectWise, and which Addition it becomes.
//
// Every rule is a pure function of the values it is given. Nothing here reads a database, calls a server or
// asks what day it is: today is an argument. Where queries repeat a rule for speed, the functions here say
// what the queries must answer.
//
// Start reading at Facts and Blockers, which decide whether a line may be posted, and at DateSources, which
// decides when it is charged. Charges, invoice statuses and months are in charge.go, status.go and
// period.go; what becomes of a line once it posts is in ownership.go, text.go and cancellation.go.
package rule
