package connectwise

import (
	"strings"

	"crosswalk/internal/outbound"
)

// cloudDomains are served by ConnectWise itself. Their API answers only under names that start with "api-";
// the names people know from the sign-in screen lack it.
var cloudDomains = []string{".myconnectwise.net", ".connectwisedev.com"}

// parseOrigin reduces an APIURL to scheme and host ("https://api-eu.myconnectwise.net"). It accepts a bare
// host, adds the "api-" of cloud hosts, and ignores trailing slashes and a path. Plain HTTP and addresses
// that are plainly private are refused unless allowInsecure; names are checked when they are dialled.
func parseOrigin(apiURL string, allowInsecure bool) (string, error) {
	text := strings.TrimSpace(apiURL)
	if text == "" {
		return "", &ConfigError{Field: "APIURL", Problem: "is missing"}
	}
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "https", strings.TrimLeft(text, "/")
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	origin, err := outbound.ParseURL(scheme+"://"+rest, allowInsecure)
	if err != nil {
		return "", &ConfigError{Field: "APIURL", Problem: err.Error()}
	}
	if isSignInHost(origin.Hostname()) {
		origin.Host = "api-" + origin.Host
	}
	return origin.String(), nil
}

func isSignInHost(host string) bool {
	for _, domain := range cloudDomains {
		region, isCloud := strings.CutSuffix(host, domain)
		if isCloud && !strings.Contains(region, ".") && !strings.HasPrefix(region, "api-") {
			return true
		}
	}
	return false
}
