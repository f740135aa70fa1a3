package httpapi

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// mediaType is a form in which answers are written.
type mediaType string

const (
	graphQLJSON mediaType = "application/graphql-response+json"
	plainJSON   mediaType = "application/json"
	eventStream mediaType = "text/event-stream"
)

// acceptance is what a caller's Accept header allows.
type acceptance struct {
	// single is the form of a single answer; empty if none is acceptable.
	single mediaType
	// stream tells whether a stream of events is acceptable.
	stream bool
}

// orJSON is the form of a single answer that has to be given in any case.
func (a acceptance) orJSON() mediaType {
	if a.single == "" {
		return plainJSON
	}
	return a.single
}

// accepted reads Accept: the JSON form of the highest quality wins, and the
// earlier one among equals. Without the header, and for wildcards, it is
// application/json, which every client understands.
func accepted(header http.Header) acceptance {
	ranges := strings.Split(strings.Join(header.Values("Accept"), ","), ",")
	if len(ranges) == 1 && strings.TrimSpace(ranges[0]) == "" {
		return acceptance{single: plainJSON}
	}
	refused := map[mediaType]bool{}
	for _, text := range ranges {
		if name, quality, ok := mediaRange(text); ok && quality == 0 {
			refused[mediaType(name)] = true
		}
	}
	var result acceptance
	best := 0.0
	for _, text := range ranges {
		name, quality, ok := mediaRange(text)
		if !ok || quality == 0 {
			continue
		}
		offered := offeredFor(name)
		if offered == eventStream {
			result.stream = true
		}
		if offered.isJSON() && quality > best && !refused[offered] {
			result.single, best = offered, quality
		}
	}
	return result
}

func (m mediaType) isJSON() bool { return m == graphQLJSON || m == plainJSON }

// contentType is the header that goes with an answer.
func (m mediaType) contentType() string { return string(m) + "; charset=utf-8" }

// offeredFor is what this server has for a media range.
func offeredFor(name string) mediaType {
	switch name {
	case string(graphQLJSON), string(plainJSON), string(eventStream):
		return mediaType(name)
	case "*/*", "application/*":
		return plainJSON
	}
	return ""
}

// mediaRange reads one entry of Accept.
func mediaRange(text string) (name string, quality float64, ok bool) {
	name, parameters, err := mime.ParseMediaType(strings.TrimSpace(text))
	if err != nil || !isUTF8(parameters) {
		return "", 0, false
	}
	quality = 1
	if q, given := parameters["q"]; given {
		if quality, err = strconv.ParseFloat(q, 64); err != nil {
			return "", 0, false
		}
	}
	return name, quality, true
}

// isJSONBody tells whether a request says that its body is JSON in UTF-8.
// Pages of other origins cannot send that without a preflight, which keeps
// them from using a visitor's credentials.
func isJSONBody(header http.Header) bool {
	name, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	return err == nil && name == string(plainJSON) && isUTF8(parameters)
}

func isUTF8(parameters map[string]string) bool {
	charset, given := parameters["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}
