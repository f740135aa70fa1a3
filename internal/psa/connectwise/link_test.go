package connectwise

import (
	"net/http"
	"testing"
)

func TestParseLinks(t *testing.T) {
	t.Parallel()
	const base = "https://host/v4_6_release/apis/3.0/company/companies"
	for _, tt := range []struct {
		name   string
		values []string
		want   links
	}{
		{"no header", nil, links{}},
		{"an empty header ends a forward-only list", []string{""}, links{present: true}},
		{"a page number", []string{`<` + base + `?pageSize=1000&page=2>; rel="next", <` + base + `?page=4>; rel="last"`}, links{present: true, next: true}},
		{"the last page", []string{`<` + base + `?page=3>; rel="prev", <` + base + `?page=1>; rel="first"`}, links{present: true}},
		{"a page id", []string{`<` + base + `?pageSize=1000&pageId=1234>; rel="next"`}, links{present: true, next: true, nextPageID: "1234"}},
		{"a page id in other capitals", []string{`<` + base + `?PageID=9>;rel=next`}, links{present: true, next: true, nextPageID: "9"}},
		{"commas and semicolons inside the address", []string{`<` + base + `?conditions=id in (1,2;3)&pageId=5>; rel="next"`}, links{present: true, next: true, nextPageID: "5"}},
		{"two headers", []string{`<` + base + `?pageId=1>; rel="first"`, `<` + base + `?pageId=7>; rel="next"`}, links{present: true, next: true, nextPageID: "7"}},
		{"several relations and another parameter", []string{`<?pageId=7>; title="x"; rel="last next"`}, links{present: true, next: true, nextPageID: "7"}},
		{"a relation that only looks alike", []string{`<?pageId=7>; rel="nextish", <?pageId=8>; title="next"`}, links{present: true}},
		{"the address of another host", []string{`<https://evil.example/?pageId=7>; rel="next"`}, links{present: true, next: true, nextPageID: "7"}},
		{"nonsense", []string{`<<<>;;rel=`}, links{present: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if tt.values != nil {
				header["Link"] = tt.values
			}
			if got := parseLinks(header); got != tt.want {
				t.Errorf("parseLinks(%q) = %+v, want %+v", tt.values, got, tt.want)
			}
		})
	}
}
