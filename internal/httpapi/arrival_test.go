package httpapi_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestABodyThatNeverArrivesEndsTheConnection(t *testing.T) {
	t.Parallel()
	const authorized = "Authorization: Bearer " + goodToken + "\r\n"
	for name, c := range map[string]struct {
		head   string
		status int
		within time.Duration
	}{
		"without a token":          {"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\n", http.StatusUnauthorized, 2 * time.Second},
		"of a GET":                 {"GET /healthz HTTP/1.1\r\n", http.StatusOK, 2 * time.Second},
		"where there is nothing":   {"POST /nosuch HTTP/1.1\r\n", http.StatusNotFound, 2 * time.Second},
		"that is not JSON":         {"POST /graphql HTTP/1.1\r\nContent-Type: text/plain\r\n" + authorized, http.StatusUnsupportedMediaType, 2 * time.Second},
		"of somebody who may send": {"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\n" + authorized, http.StatusBadRequest, 40 * time.Second},
		"of the schema":            {"GET /schema.graphqls HTTP/1.1\r\n", http.StatusOK, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				connection := inMemory(t)
				began := time.Now()
				go func() { _, _ = io.WriteString(connection, c.head+"Host: crosswalk\r\nContent-Length: 1000\r\n\r\n") }()
				reader := bufio.NewReader(connection)
				response, err := http.ReadResponse(reader, nil)
				if err != nil {
					t.Fatalf("read the answer: %v", err)
				}
				if response.StatusCode != c.status {
					t.Errorf("answered with %d, want %d", response.StatusCode, c.status)
				}
				if _, err := io.Copy(io.Discard, reader); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > c.within {
					t.Errorf("the connection ended after %s, want at most %s", took, c.within)
				}
			})
		})
	}
}

func TestAConnectionWhoseBodiesArriveIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		connection := inMemory(t)
		reader := bufio.NewReader(connection)
		for range 3 {
			go func() {
				_, _ = io.WriteString(connection, "POST /graphql HTTP/1.1\r\nHost: crosswalk\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
			}()
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatalf("read the answer: %v", err)
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusUnauthorized {
				t.Fatalf("answered with %d (%v), want %d", response.StatusCode, err, http.StatusUnauthorized)
			}
			time.Sleep(30 * time.Second) // imagined
		}
	})
}
