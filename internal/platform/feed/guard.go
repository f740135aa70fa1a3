package feed

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// errPrivateAddress means that a connection would have left the public internet.
var errPrivateAddress = errors.New("it leads to a private, loopback or link-local network")

// publicOnly refuses connections to addresses that are not public. It sees the address after the name was
// resolved, immediately before the connection is made, so no name can lead round it.
func publicOnly(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q cannot be judged", errPrivateAddress, address)
	}
	if !isPublic(target.Addr()) {
		return errPrivateAddress
	}
	return nil
}

// isPublic reports whether ip is an address of the public internet. Addresses that carry an IPv4 address
// inside are judged by it or refused.
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if nat64 := netip.MustParsePrefix("64:ff9b::/96"); nat64.Contains(ip) {
		bytes := ip.As16()
		return isPublic(netip.AddrFrom4([4]byte(bytes[12:])))
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, reserved := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4",
		"::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10",
	} {
		if netip.MustParsePrefix(reserved).Contains(ip) {
			return false
		}
	}
	return true
}
