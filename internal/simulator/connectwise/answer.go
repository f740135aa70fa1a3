package connectwise

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// writeStandardHeader writes what every answer carries.
func (s *Simulator) writeStandardHeader(w http.ResponseWriter) {
	header := w.Header()
	header.Set("api-current-version", strings.TrimPrefix(codebaseName, "v"))
	header.Set("x-cw-request-id", uuid.NewString())
	header.Set("x-server-name", "SIMULATOR")
	header.Set("Cache-Control", "no-cache")
	header.Set("Pragma", "no-cache")
	header.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	header.Set("X-Frame-Options", "SAMEORIGIN")
}

const vendorMediaType = "application/vnd.connectwise.com+json"

// writeJSON answers in the vendor's media type and the version asked for, or in plain JSON when the caller
// did not ask for the vendor's.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Type", contentType(r.Header.Get("Accept")))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller may have gone
}

func contentType(accept string) string {
	for part := range strings.SplitSeq(accept, ",") {
		kind, parameters, err := mime.ParseMediaType(part)
		if err != nil || kind != vendorMediaType {
			continue
		}
		if version := parameters["version"]; version != "" {
			return mime.FormatMediaType(kind, map[string]string{"version": version})
		}
		return kind
	}
	return "application/json; charset=utf-8"
}

func writeNotFoundPage(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte("<html><head><title>404 - File or directory not found.</title></head><body></body></html>\n"))
}

// baseURL is the absolute URL of the API root as the caller reached it, with a slash at its end.
func baseURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	root, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return scheme + "://" + r.Host + "/" + root + "/apis/3.0/"
}

// companyInfo is the answer of the lookup that needs no credentials.
type companyInfo struct {
	CompanyName   string `json:"CompanyName"`
	Codebase      string `json:"Codebase"`
	VersionCode   string `json:"VersionCode"`
	VersionNumber string `json:"VersionNumber"`
	CompanyID     string `json:"CompanyID"`
	// IsCloud is a text, as the vendor's own sample shows it.
	IsCloud string `json:"IsCloud"`
}

// writeCompanyInfo answers null for companies it does not know.
func (s *Simulator) writeCompanyInfo(w http.ResponseWriter, r *http.Request, company string) {
	if !isRead(r) {
		s.writeError(w, r, notAllowed(r))
		return
	}
	var info *companyInfo
	if strings.EqualFold(strings.Trim(company, "/"), s.options.CompanyID) {
		isCloud := "False"
		if s.Settings().Cloud404 {
			isCloud = "True"
		}
		info = &companyInfo{
			CompanyName: "Simulated " + s.options.CompanyID, Codebase: codebase + "/", VersionCode: codebaseName,
			VersionNumber: "v4.6.105333", CompanyID: s.options.CompanyID, IsCloud: isCloud,
		}
	}
	s.writeValue(w, r, info)
}

// systemInfo is the answer of /system/info.
type systemInfo struct {
	Version        string       `json:"version"`
	IsCloud        bool         `json:"isCloud"`
	ServerTimeZone string       `json:"serverTimeZone"`
	CloudRegion    string       `json:"cloudRegion,omitempty"`
	LicenseBits    []licenseBit `json:"licenseBits"`
	MaxWorkFlow    int          `json:"maxWorkFlowRecordsAllowed"`
}

type licenseBit struct {
	Name       string `json:"name"`
	ActiveFlag bool   `json:"activeFlag"`
}

func (s *Simulator) writeSystemInfo(w http.ResponseWriter, r *http.Request) {
	zone, _ := s.options.Now().Zone()
	info := systemInfo{
		Version: codebaseName + ".105333", ServerTimeZone: zone, MaxWorkFlow: 2500,
		LicenseBits: []licenseBit{{Name: "agreements", ActiveFlag: true}, {Name: "procurement", ActiveFlag: true}},
	}
	if s.Settings().Cloud404 {
		info.IsCloud, info.CloudRegion = true, "EU"
	}
	s.writeValue(w, r, info)
}

func (s *Simulator) writeValue(w http.ResponseWriter, r *http.Request, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	writeJSON(w, r, http.StatusOK, body)
}

// faultBody writes the error bodies of the fault injector.
func (s *Simulator) faultBody(status int, message string) []byte {
	switch status {
	case http.StatusTooManyRequests:
		return s.limitBody(0)
	case http.StatusUnauthorized:
		return (&refusal{status: status, Code: "Unauthorized", Message: message}).body()
	case http.StatusForbidden:
		return (&refusal{status: status, Code: "Security", Message: permissionRefuse}).body()
	}
	return (&refusal{status: status, Code: "ConnectWiseApi", Message: message}).body()
}

// limitBody is the body of a 429, which comes from in front of ConnectWise: JSON with members of its own, or
// a web page.
func (s *Simulator) limitBody(seconds int) []byte {
	if s.Settings().LimitPages {
		return []byte(limitPageBody)
	}
	message := "Too many requests. Please try again later."
	if seconds > 0 {
		message = fmt.Sprintf("Too many requests. Please try again in %d seconds.", seconds)
	}
	return fmt.Appendf(nil, `{"error":"ConnectWiseAPI","message":%q}`, message)
}

const limitPageBody = "<!DOCTYPE html>\n<html><head><title>Access denied | rate limited</title></head>" +
	"<body><h1>Error 1015</h1><p>You are being rate limited.</p></body></html>\n"

// limitPage turns the content type of a 429 into that of a web page where one is wanted.
type limitPage struct {
	http.ResponseWriter
	wanted bool
}

func (l *limitPage) WriteHeader(status int) {
	if l.wanted && status == http.StatusTooManyRequests {
		l.Header().Set("Content-Type", "text/html; charset=utf-8")
	}
	l.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (l *limitPage) Unwrap() http.ResponseWriter { return l.ResponseWriter }
