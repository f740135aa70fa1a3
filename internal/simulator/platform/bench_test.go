package platform_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	simulator "crosswalk/internal/simulator/platform"
)

// BenchmarkInvoiceRows shows that the last of a million lines costs what the first does.
func BenchmarkInvoiceRows(b *testing.B) {
	s := simulator.New(simulator.Options{Organizations: 1_000, Lines: 1_000_000, Now: on("2026-05-18")})
	for _, number := range []int{1, 500, 1000} {
		b.Run(fmt.Sprintf("page %d of 1000", number), func(b *testing.B) {
			b.ReportAllocs()
			target := fmt.Sprintf("/reporting/v2/invoice-rows?invoiceDateFrom=2025-12-01&invoiceDateTo=2026-05-31&pageSize=1000&page=%d", number)
			request := httptest.NewRequest(http.MethodGet, target, nil)
			request.Header.Set("Ocp-Apim-Subscription-Key", simulator.DefaultKey)
			request.Header.Set("Authorization", "Bearer "+simulator.DefaultToken)
			for b.Loop() {
				recorder := httptest.NewRecorder()
				s.ServeHTTP(recorder, request)
				if recorder.Code != http.StatusOK {
					b.Fatalf("page %d answered %d %s", number, recorder.Code, recorder.Body)
				}
			}
		})
	}
}
