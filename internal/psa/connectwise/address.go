package connectwise

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// errPrivateAddress is why a connection to a private, loopback or link-local address is refused.
var errPrivateAddress = errors.New("the address is not a public one")

// cloudDomains are served by ConnectWise itself. Their API answers only under names that start with "api-";
// the names people know from the sign-in screen lack it.
var cloudDomains = []string{".myconnectwise.net", ".connectwisedev.com"}

// parseOrigin reduces an APIURL to scheme and host ("https://api-eu.myconnectwise.net"). It accepts a bare
// host, adds the "api-" of cloud hosts, and ignores trailing slashes and a path. Plain HTTP and addresses
// that are plainly private are refused unless allowInsecure; names are checked when they are dialled.
func parseOrigin(apiURL string, allowInsecure bool) (string, error) {
	refuse := func(format string, args ...any) (string, error) {
		return "", &ConfigError{Field: "APIURL", Problem: fmt.Sprintf(format, args...)}
	}
	text := strings.TrimSpace(apiURL)
	if text == "" {
		return refuse("is missing")
	}
	if !strings.Contains(text, "://") {
		text = "https://" + strings.TrimLeft(text, "/")
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" {
		return refuse("is not a host name or an address such as https://api-eu.myconnectwise.net")
	}
	scheme := strings.ToLower(parsed.Scheme)
	if scheme != "https" && scheme != "http" {
		return refuse("must start with https://, not %s://", scheme)
	}
	if parsed.User != nil {
		return refuse("must not contain a user name or password")
	}
	if scheme == "http" && !allowInsecure {
		return refuse("must use https")
	}
	host := strings.ToLower(strings.TrimSuffix(parsed.Hostname(), "."))
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`"'<>\^{|}%`, r) }) {
		return refuse("is not a host name or an address such as https://api-eu.myconnectwise.net")
	}
	if !allowInsecure && isPlainlyPrivate(host) {
		return refuse("must be a public address")
	}
	return scheme + "://" + joinHostPort(apiHost(host), parsed.Port()), nil
}

func apiHost(host string) string {
	for _, domain := range cloudDomains {
		region, isCloud := strings.CutSuffix(host, domain)
		if isCloud && !strings.Contains(region, ".") && !strings.HasPrefix(region, "api-") {
			return "api-" + host
		}
	}
	return host
}

func joinHostPort(host, port string) string {
	if port != "" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func isPlainlyPrivate(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && !isPublic(address)
}

// refusePrivate is a net.Dialer Control function. It sees the address a name was resolved to, at the moment
// of connecting, so that neither a redirect nor a name that changes its address gets round the check.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	resolved, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the dialled address %q: %w", address, err)
	}
	if !isPublic(resolved.Addr()) {
		return errPrivateAddress
	}
	return nil
}

// reserved are the ranges that netip calls global unicast although nothing public lives there, and those
// that embed an IPv4 address a gateway would connect to.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade translation
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // future use, broadcast
	netip.MustParsePrefix("::/96"),           // IPv4 in the form ::10.0.0.1
	netip.MustParsePrefix("64:ff9b::/96"),    // translation to IPv4
	netip.MustParsePrefix("64:ff9b:1::/48"),  // local translation to IPv4
	netip.MustParsePrefix("100::/64"),        // discard
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("fec0::/10"),       // site-local
}

func isPublic(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return false
	}
	for _, prefix := range reserved {
		if prefix.Contains(address) {
			return false
		}
	}
	return true
}
