package outbound

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// addresses are judged alike in a URL and when they are dialled.
var addresses = []struct {
	name, address string
	public        bool
}{
	{"an IPv4 address", "93.184.216.34", true},
	{"just above a private range", "172.32.0.1", true},
	{"just above the carriers' range", "100.128.0.1", true},
	{"just above documentation", "203.0.114.9", true},
	{"an IPv6 address", "2606:2800:220:1::1", true},
	{"another IPv6 address", "2a00:1450::1", true},
	{"an IPv6 address beside the protocol assignments", "2001:4860:4860::8888", true},
	{"a public address mapped into IPv6", "::ffff:93.184.216.34", true},
	{"a public address behind NAT64", "64:ff9b::5db8:d822", true},

	{"loopback", "127.0.0.1", false},
	{"elsewhere in loopback", "127.8.8.8", false},
	{"unspecified", "0.0.0.0", false},
	{"this network", "0.1.2.3", false},
	{"private 10/8", "10.1.2.3", false},
	{"private 172.16/12", "172.16.0.1", false},
	{"the end of private 172.16/12", "172.31.255.255", false},
	{"private 192.168/16", "192.168.1.20", false},
	{"link-local", "169.254.1.1", false},
	{"the metadata of cloud machines", "169.254.169.254", false},
	{"carrier-grade translation", "100.64.0.1", false},
	{"the end of carrier-grade translation", "100.127.255.255", false},
	{"protocol assignments", "192.0.0.8", false},
	{"documentation", "203.0.113.9", false},
	{"relays of 6to4", "192.88.99.1", false},
	{"benchmarks", "198.18.0.1", false},
	{"multicast", "224.0.0.1", false},
	{"future use", "240.0.0.1", false},
	{"broadcast", "255.255.255.255", false},

	{"IPv6 loopback", "::1", false},
	{"IPv6 unspecified", "::", false},
	{"IPv6 link-local", "fe80::1", false},
	{"IPv6 unique local", "fd00::1", false},
	{"the metadata of cloud machines over IPv6", "fd00:ec2::254", false},
	{"IPv6 site-local", "fec0::1", false},
	{"IPv6 multicast", "ff02::1", false},
	{"IPv6 documentation", "2001:db8::1", false},
	{"newer IPv6 documentation", "3fff::1", false},
	{"IPv6 discard", "100::1", false},
	{"IPv6 not allocated", "4000::1", false},
	{"loopback mapped into IPv6", "::ffff:127.0.0.1", false},
	{"private mapped into IPv6", "::ffff:192.168.1.1", false},
	{"the metadata of cloud machines mapped into IPv6", "::ffff:a9fe:a9fe", false},
	{"private in the old form of IPv6", "::10.0.0.1", false},
	{"loopback behind NAT64", "64:ff9b::7f00:1", false},
	{"private behind NAT64", "64:ff9b::a00:1", false},
	{"local NAT64", "64:ff9b:1::a00:1", false},
	{"private in 6to4", "2002:a00:1::", false},
	{"Teredo", "2001:0:4136:e378::1", false},
}

func TestAddresses_AreJudgedAlikeInURLsAndWhenDialled(t *testing.T) {
	t.Parallel()
	for _, tt := range addresses {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dialled := net.JoinHostPort(tt.address, "443")
			url := "https://" + strings.TrimSuffix(dialled, ":443")
			if _, err := ParseURL(url, false); wrongly(err, tt.public) {
				t.Errorf("ParseURL(%s) = %v, want it allowed: %t", url, err, tt.public)
			}
			if _, err := ParseURL(url, true); err != nil {
				t.Errorf("ParseURL(%s) where anything is allowed = %v", url, err)
			}
			if err := refusePrivate("tcp", dialled, nil); wrongly(err, tt.public) {
				t.Errorf("dialling %s = %v, want it allowed: %t", dialled, err, tt.public)
			}
			if got := isPublic(netip.MustParseAddr(tt.address)); got != tt.public {
				t.Errorf("isPublic(%s) = %t, want %t", tt.address, got, tt.public)
			}
		})
	}
}

// wrongly reports whether err is not what a public address, or one that is not, is met with.
func wrongly(err error, public bool) bool {
	if public {
		return err != nil
	}
	return !errors.Is(err, ErrPrivate)
}

func TestRefusePrivate_WhatOnlyADialerSees(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{
		"a zone":                         "[fe80::1%eth0]:443",
		"a zone on a private address":    "[fd00::1%eth0]:443",
		"a zone on a mapped address":     "[::ffff:127.0.0.1%eth0]:443",
		"a name, which is never dialled": "localhost:443",
		"nothing":                        "",
		"no port":                        "93.184.216.34",
	} {
		if err := refusePrivate("tcp", address, nil); !errors.Is(err, ErrPrivate) {
			t.Errorf("dialling %s (%s) = %v, want ErrPrivate", address, name, err)
		}
	}
}
