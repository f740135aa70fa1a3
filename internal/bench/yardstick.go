package bench

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
)

// yardstick answers the Organizations page by hand: the statement that the gateway runs, prepared, for one seller, under the
// same policies, and JSON out of structs. It checks no token, knows no limits and no other query, and has the companies in memory.
type yardstick struct {
	pages     map[yardstickPage]*sql.Stmt
	seller    postgres.SellerID
	companies map[int64]yardstickCompany
}

// yardstickPage is a page that the yardstick knows.
type yardstickPage struct {
	size   int
	totals bool
}

// query is the statement that the gateway runs for the page.
func (p yardstickPage) query() string {
	beside := ""
	if p.totals {
		beside = `, (SELECT coalesce(sum(total), 0)::int FROM mapping_total WHERE seller_id = $1 AND kind = 'ORGANIZATION') AS "_total",
		(` + mapping.TotalsQuery + `) AS "_aside"`
	}
	return `
	SELECT o.id AS "_id", ARRAY[(o.name)::text] AS "_keys", o.id, o.platform_id, o.name, o.reference_number, o.status, o.psa_company_id,
		o.excluded_from_sync, o.revision, o.mapped_at, o.mapped_by` + beside + `
	FROM organization o
	WHERE o.seller_id = $1
	ORDER BY o.name, o.id
	LIMIT ` + strconv.Itoa(p.size+1)
}

type yardstickCompany struct {
	ID         string  `json:"id"`
	RecordID   int64   `json:"recordId"`
	Identifier string  `json:"identifier"`
	Name       string  `json:"name"`
	Status     *string `json:"status"`
}

type yardstickRow struct {
	ID               string            `json:"id"`
	PlatformID       string            `json:"platformId"`
	Name             string            `json:"name"`
	ReferenceNumber  string            `json:"referenceNumber"`
	Status           string            `json:"status"`
	PsaCompany       *yardstickCompany `json:"psaCompany"`
	ExcludedFromSync bool              `json:"excludedFromSync"`
	MappingStatus    string            `json:"mappingStatus"`
	Message          *string           `json:"mappingStatusMessage"`
	Revision         int               `json:"revision"`
	MappedAt         *time.Time        `json:"mappedAt"`
	MappedBy         *string           `json:"mappedBy"`
}

type yardstickTotals struct {
	Total    int `json:"total"`
	Mapped   int `json:"mapped"`
	Unmapped int `json:"unmapped"`
}

type yardstickAnswer struct {
	Data struct {
		Organizations struct {
			TotalCount *int           `json:"totalCount,omitempty"`
			Nodes      []yardstickRow `json:"nodes"`
			PageInfo   struct {
				HasNextPage bool   `json:"hasNextPage"`
				EndCursor   string `json:"endCursor"`
			} `json:"pageInfo"`
		} `json:"organizations"`
		Summary *struct {
			Organizations yardstickTotals `json:"organizations"`
		} `json:"mappingSummary,omitempty"`
	} `json:"data"`
}

func newYardstick(ctx context.Context, db *sql.DB, seller postgres.SellerID, companies int) (*yardstick, error) {
	y := &yardstick{seller: seller, companies: make(map[int64]yardstickCompany, companies), pages: make(map[yardstickPage]*sql.Stmt)}
	active := "Active"
	for n := range int64(companies) + 1 {
		number := strconv.FormatInt(n, 10)
		y.companies[n] = yardstickCompany{ID: yardstickID("PsaCompany:", n), RecordID: n, Identifier: "C" + number, Name: "Company " + number, Status: &active}
	}
	for _, page := range []yardstickPage{{size: 20}, {size: 20, totals: true}, {size: 1000}} {
		statement, err := db.PrepareContext(ctx, page.query())
		if err != nil {
			return nil, err
		}
		y.pages[page] = statement
	}
	return y, nil
}

// ServeHTTP answers /page/20, or /page/20?totals=1 with the summary line.
func (y *yardstick) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.Atoi(r.PathValue("size"))
	if err == nil {
		var answer yardstickAnswer
		if answer, err = y.answer(r.Context(), yardstickPage{size, r.URL.Query().Has("totals")}); err == nil {
			w.Header().Set("Content-Type", "application/json")
			err = json.NewEncoder(w).Encode(answer)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func yardstickID(kind string, number int64) string {
	return base64.RawURLEncoding.EncodeToString(strconv.AppendInt([]byte(kind), number, 10))
}

func (y *yardstick) answer(ctx context.Context, asked yardstickPage) (answer yardstickAnswer, err error) {
	page := &answer.Data.Organizations
	statement, ok := y.pages[asked]
	if !ok {
		return answer, fmt.Errorf("there is no page %+v", asked)
	}
	rows, err := statement.QueryContext(ctx, y.seller)
	if err != nil {
		return answer, err
	}
	defer rows.Close()
	page.Nodes = make([]yardstickRow, 0, asked.size)
	var (
		id      int64
		keys    []byte
		company sql.NullInt64
		total   int
		aside   string
	)
	for rows.Next() {
		if len(page.Nodes) == asked.size {
			page.PageInfo.HasNextPage = true
			break
		}
		var row yardstickRow
		values := []any{
			&id, &keys, &id, &row.PlatformID, &row.Name, &row.ReferenceNumber, &row.Status, &company, &row.ExcludedFromSync, &row.Revision,
			&row.MappedAt, &row.MappedBy, &total, &aside,
		}
		if !asked.totals {
			values = values[:len(values)-2]
		}
		if err := rows.Scan(values...); err != nil {
			return answer, err
		}
		row.ID, row.MappingStatus = yardstickID("Organization:", id), "UNMAPPED"
		if company.Valid {
			known := y.companies[company.Int64]
			row.MappingStatus, row.PsaCompany = "MAPPED", &known
		}
		page.Nodes = append(page.Nodes, row)
	}
	if err := rows.Err(); err != nil {
		return answer, err
	}
	if last := len(page.Nodes); last > 0 {
		position, err := json.Marshal([]string{page.Nodes[last-1].Name, page.Nodes[last-1].ID})
		if err != nil {
			return answer, err
		}
		page.PageInfo.EndCursor = base64.RawURLEncoding.EncodeToString(position)
	}
	if asked.totals {
		totals, err := mapping.ParseTotals(aside)
		if err != nil {
			return answer, err
		}
		of := totals.Of[mapping.KindOrganization]
		page.TotalCount = &total
		answer.Data.Summary = &struct {
			Organizations yardstickTotals `json:"organizations"`
		}{yardstickTotals{of.Total, of.Mapped, of.Unmapped()}}
	}
	return answer, nil
}
