package telemetry

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"

	"github.com/XSAM/otelsql"
	"github.com/lib/pq"
	"go.opentelemetry.io/otel/attribute"

	"crosswalk/internal/postgres"
)

// DatabaseOptions returns what to open the database with: where there are traces, with spans for statements that
// belong to one. They hold the text of statements and nothing of their arguments.
func (t *Telemetry) DatabaseOptions() postgres.Options {
	if t.tracer == nil {
		return postgres.Options{}
	}
	return postgres.Options{OpenDB: func(connector driver.Connector) *sql.DB {
		return otelsql.OpenDB(connector,
			otelsql.WithTracerProvider(t.provider),
			otelsql.WithAttributes(attribute.String("db.system.name", "postgresql")),
			otelsql.WithSpanNameFormatter(statementName),
			otelsql.WithSpanOptions(otelsql.SpanOptions{
				OmitConnPrepare: true, OmitConnResetSession: true, OmitConnectorConnect: true, OmitRows: true, SpanFilter: t.isWorthASpan,
			}),
			otelsql.WithSpanErrorAttributesGetter(sqlErrorType),
		)
	}}
}

// isWorthASpan leaves out what every transaction begins with, and the rows of a COPY, each of which is an exec.
func (t *Telemetry) isWorthASpan(ctx context.Context, method otelsql.Method, statement string, _ []driver.NamedValue) bool {
	switch method {
	case otelsql.MethodConnBeginTx, otelsql.MethodTxRollback:
		return false
	}
	return t.isTraced(ctx) && !strings.HasPrefix(statement, "SET LOCAL") && !strings.HasPrefix(statement, "COPY")
}

// statementName names the span of a statement: SELECT.
func statementName(_ context.Context, method otelsql.Method, statement string) string {
	words := strings.Fields(statement)
	if method == otelsql.MethodTxCommit || len(words) == 0 {
		return "COMMIT"
	}
	return strings.ToUpper(words[0])
}

// sqlErrorType tells PostgreSQL's code of an error, and none of its text.
func sqlErrorType(err error) []attribute.KeyValue {
	if refused := pq.As(err); refused != nil {
		return []attribute.KeyValue{attribute.String("error.type", string(refused.Code))}
	}
	return []attribute.KeyValue{attribute.String("error.type", "connection")}
}
