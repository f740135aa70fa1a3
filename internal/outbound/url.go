package outbound

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// maxURL bounds an address, in bytes.
const maxURL = 2000

// What can be wrong with an address, as the predicate of a sentence: "The Platform address must be …".
var (
	ErrNotURL    = errors.New("must be a URL such as https://api.example.com")
	ErrScheme    = errors.New("must be a URL that starts with https://")
	ErrPlainHTTP = errors.New("must start with https://: plain HTTP shows the keys to everyone on the way")
	ErrPrivate   = errors.New("must not be in a private, loopback or link-local network")
	ErrExtras    = errors.New("must not have a user, a query (?) or a fragment (#)")
)

var (
	// hostName allows what DNS names consist of, underscores included because private networks use them.
	hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)
	// endsInNumber is what old resolvers take for an address in decimal, octal or hexadecimal, such as 127.1.
	endsInNumber = regexp.MustCompile(`(^|\.)([0-9]+|0x[0-9a-f]*)$`)
)

// ParseURL reads an absolute http(s) address that keys will be sent to and returns it normalised: lower-case
// host, no default port, no trailing slash or dot. Unless allowInsecure is given it refuses plain HTTP and
// hosts that are plainly private; a name that leads to a private address is refused when it is dialled. Its
// errors are those of this package and never quote the text, which may hold a password.
func ParseURL(text string, allowInsecure bool) (*url.URL, error) {
	text = strings.TrimSpace(text)
	address, err := url.Parse(text)
	if err != nil || len(text) > maxURL || address.Host == "" {
		return nil, ErrNotURL
	}
	if address.Scheme != "http" && address.Scheme != "https" {
		return nil, ErrScheme
	}
	if address.User != nil || strings.ContainsAny(text, "?#") {
		return nil, ErrExtras
	}
	name := strings.TrimSuffix(strings.ToLower(address.Hostname()), ".")
	host, ok := joinPort(name, address.Port(), address.Scheme)
	switch {
	case !isHost(name) || !ok:
		return nil, ErrNotURL
	case !allowInsecure && address.Scheme == "http":
		return nil, ErrPlainHTTP
	case !allowInsecure && isPlainlyPrivate(name):
		return nil, ErrPrivate
	}
	return &url.URL{
		Scheme:  address.Scheme,
		Host:    host,
		Path:    strings.TrimRight(address.Path, "/"),
		RawPath: strings.TrimRight(address.RawPath, "/"),
	}, nil
}

// isHost refuses what no name looks like, and what only some take for an address.
func isHost(name string) bool {
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Zone() == ""
	}
	return len(name) <= 253 && hostName.MatchString(name) && !endsInNumber.MatchString(name)
}

func isPlainlyPrivate(name string) bool {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && !isPublic(ip)
}

// joinPort returns host and port without what the scheme implies; ok is false when port is none.
func joinPort(name, port, scheme string) (host string, ok bool) {
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return name, true
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return name + ":" + port, err == nil && number > 0
}
