package outbound

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

var (
	// allocated is the part of IPv6 that public addresses come from. Outside it are, among others, the forms
	// that carry an IPv4 address, and the networks of single sites.
	allocated = netip.MustParsePrefix("2000::/3")
	// translated is the part of IPv6 that a gateway translates to the IPv4 address in the last four bytes.
	translated = netip.MustParsePrefix("64:ff9b::/96")
	// reserved are the ranges where nothing public lives, beside those netip knows.
	reserved = [...]netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),       // this network
		netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade translation
		netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
		netip.MustParsePrefix("192.0.2.0/24"),    // documentation
		netip.MustParsePrefix("192.88.99.0/24"),  // relays of 6to4
		netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"), // documentation
		netip.MustParsePrefix("203.0.113.0/24"),  // documentation
		netip.MustParsePrefix("240.0.0.0/4"),     // future use, broadcast
		netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo
		netip.MustParsePrefix("2001:db8::/32"),   // documentation
		netip.MustParsePrefix("2002::/16"),       // 6to4, which carries an IPv4 address
		netip.MustParsePrefix("3fff::/20"),       // documentation
	}
)

// isPublic reports whether ip is an address of the public internet. One that is translated to IPv4 is judged
// by what it is translated to.
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if translated.Contains(ip) {
		bytes := ip.As16()
		return isPublic(netip.AddrFrom4([4]byte(bytes[12:])))
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Is6() && !allocated.Contains(ip) {
		return false
	}
	return !slices.ContainsFunc(reserved[:], func(p netip.Prefix) bool { return p.Contains(ip) })
}

// refusePrivate is a Control function of net.Dialer. It sees the address a name was resolved to, immediately
// before the connection is made, so neither a redirect nor a name that changes its address gets round it.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(target.Addr()) {
		return fmt.Errorf("the address %w", ErrPrivate)
	}
	return nil
}
