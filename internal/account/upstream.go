package account

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxURL bounds an address, in bytes.
const maxURL = 2000

var (
	errNoAddress = errors.New("must be an address such as https://api.example.com")
	errNotHTTPS  = errors.New("must start with https://")
	errPlainHTTP = errors.New("must start with https://: plain HTTP shows the keys to everyone on the way")
	errPrivate   = errors.New("must not be in a private network")
	errExtras    = errors.New("must not contain a user, a password, ? or #")
	errPath      = errors.New("must be only the host, such as api-eu.myconnectwise.net, without a path")
)

// hostName allows what DNS names consist of, underscores included because private networks use them.
var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

// parseUpstream reads an absolute http(s) address that keys will be sent to and returns it normalised:
// lower-case host, no default port, no trailing slash or dot. Unless allowInsecure is given it refuses
// plain HTTP and hosts that are plainly private; names that resolve to private addresses can only be
// refused by who dials them. Its errors are messages for one field.
func parseUpstream(raw string, allowInsecure bool) (*url.URL, error) {
	address, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || len(raw) > maxURL || address.Host == "" {
		return nil, errNoAddress
	}
	if address.Scheme != "http" && address.Scheme != "https" {
		return nil, errNotHTTPS
	}
	if address.User != nil || address.RawQuery != "" || address.ForceQuery || address.Fragment != "" || strings.HasSuffix(raw, "#") {
		return nil, errExtras
	}
	host := strings.TrimSuffix(strings.ToLower(address.Hostname()), ".")
	if !isHost(host) {
		return nil, errNoAddress
	}
	port := address.Port()
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
		return nil, errNoAddress
	}
	if !allowInsecure && address.Scheme == "http" {
		return nil, errPlainHTTP
	}
	if !allowInsecure && isPrivate(host) {
		return nil, errPrivate
	}
	return &url.URL{
		Scheme:  address.Scheme,
		Host:    joinPort(host, port, address.Scheme),
		Path:    strings.TrimRight(address.Path, "/"),
		RawPath: strings.TrimRight(address.RawPath, "/"),
	}, nil
}

// parseConnectWiseOrigin reads a host or an origin as users have it, and returns the origin.
func parseConnectWiseOrigin(raw string, allowInsecure bool) (string, error) {
	raw = strings.TrimSpace(raw)
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	origin, err := parseUpstream(raw, allowInsecure)
	if err != nil {
		return "", err
	}
	if origin.Path != "" {
		return "", errPath
	}
	return origin.String(), nil
}

// sameServer reports whether two normalised origins lead to one ConnectWise. The scheme does not matter,
// and neither does the api- prefix on ConnectWise's own domains, where both names lead to the same records.
func sameServer(a, b string) bool { return serverKey(a) == serverKey(b) }

func serverKey(origin string) string {
	_, host, _ := strings.Cut(strings.ToLower(origin), "://")
	name, _, _ := strings.Cut(host, ":")
	if strings.HasSuffix(name, ".myconnectwise.net") || strings.HasSuffix(name, ".connectwisedev.com") {
		return strings.TrimPrefix(host, "api-")
	}
	return host
}

func joinPort(host, port, scheme string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return host
	}
	return host + ":" + port
}

// isHost refuses, beside what no name looks like, numbers that old resolvers take for an address, such as 127.1.
func isHost(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Zone() == ""
	}
	if len(host) > 253 || !hostName.MatchString(host) {
		return false
	}
	last := host[strings.LastIndex(host, ".")+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err != nil && strings.Trim(last, "0123456789") != ""
}

// reserved are the ranges that lead into somebody's own network, or nowhere, beside those netip knows.
var reserved = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
}

func isPrivate(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	address = address.Unmap()
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return true
	}
	return slices.ContainsFunc(reserved[:], func(p netip.Prefix) bool { return p.Contains(address) })
}
