package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	simulator "crosswalk/internal/simulator/connectwise"
)

// simulateConnectWiseCommand runs a stand-in for ConnectWise PSA until it is stopped.
type simulateConnectWiseCommand struct {
	Listen     string    `name:"listen" default:"127.0.0.1:8092" help:"Address to listen on."`
	TLSCert    string    `name:"tls-cert" type:"existingfile" help:"File with the certificate to serve HTTPS with, and those that vouch for it."`
	TLSKey     string    `name:"tls-key" type:"existingfile" help:"File with the private key of the certificate."`
	Company    string    `name:"company" default:"demo" help:"Login company that requests must carry."`
	PublicKey  string    `name:"public-key" default:"public" help:"Public key that requests must carry."`
	PrivateKey string    `name:"private-key" default:"private" help:"Private key that requests must carry."`
	ClientID   string    `name:"client-id" help:"clientId header that requests must carry; any will do by default, but there must be one."`
	Companies  int       `name:"companies" default:"300" help:"Number of companies, deleted ones included; at most 200000."`
	Products   int       `name:"products" default:"120" help:"Number of catalog items, inactive ones included; at most 200000."`
	Agreements int       `name:"agreements" default:"300" help:"Number of agreements, ended and cancelled ones included; at most 200000."`
	Additions  int       `name:"additions" default:"0" help:"Number of additions that the agreements have from the start; at most 200000."`
	Seed       uint64    `name:"seed" default:"0" help:"Seed of made-up details and of faults that happen by chance."`
	RateLimit  int       `name:"rate-limit" default:"0" help:"Requests a minute before 429 is answered; 0 for no limit."`
	Cloud404   bool      `name:"cloud-404" help:"Answer wrong keys with 404, as ConnectWise's cloud may."`
	Now        time.Time `name:"now" env:"CROSSWALK_NOW" optional:"" help:"What the simulator takes for today (RFC 3339); the present by default."`
}

// Run serves until ctx ends, which is not an error.
func (c *simulateConnectWiseCommand) Run(ctx context.Context) error {
	return c.serve(ctx, os.Stderr)
}

// maxRecords is how many records of a kind may be made up: with so many of each, the simulator takes 3 GB.
const maxRecords = 200_000

func (c *simulateConnectWiseCommand) serve(ctx context.Context, messages io.Writer) error {
	if min(c.Companies, c.Products, c.Agreements, c.Additions, c.RateLimit) < 0 {
		return errors.New("the numbers of records and requests must not be negative")
	}
	err := errors.Join(notAbove("companies", c.Companies, maxRecords), notAbove("products", c.Products, maxRecords),
		notAbove("agreements", c.Agreements, maxRecords), notAbove("additions", c.Additions, maxRecords))
	if err != nil {
		return err
	}
	if c.Agreements > 0 && c.Companies == 0 {
		return errors.New("agreements need at least one company")
	}
	if c.Additions > 0 && (c.Agreements == 0 || c.Products == 0) {
		return errors.New("additions need at least one agreement and one product")
	}
	listener, err := c.listen(ctx)
	if err != nil {
		return err
	}
	handler, err := simulator.NewContext(ctx, simulator.Options{
		CompanyID: c.Company, PublicKey: c.PublicKey, PrivateKey: c.PrivateKey, ClientID: c.ClientID,
		Companies: c.Companies, Products: c.Products, Agreements: c.Agreements, Additions: c.Additions,
		Seed: c.Seed, Now: c.clock(),
		Settings: simulator.Settings{RequestsPerMinute: c.RateLimit, Cloud404: c.Cloud404},
	})
	if err != nil {
		return listener.Close() // stopped before it served
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	_, _ = fmt.Fprintf(messages, "Simulated ConnectWise at %s://%s (company %s: %d companies, %d products, %d agreements)\n",
		scheme, listener.Addr(), c.Company, c.Companies, c.Products, c.Agreements)
	return serveUntilDone(ctx, listener, handler)
}

// notAbove refuses a number that is too great to be simulated.
func notAbove(flag string, number, most int) error {
	if number > most {
		return fmt.Errorf("--%s is %d; it must not be greater than %d", flag, number, most)
	}
	return nil
}

// listen opens the address, for HTTPS where there is a certificate.
func (c *simulateConnectWiseCommand) listen(ctx context.Context) (net.Listener, error) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return nil, errors.New("--tls-cert and --tls-key must be given together")
	}
	var config *tls.Config
	if c.TLSCert != "" {
		certificate, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("load the certificate: %w", err)
		}
		// Connections that faults break belong to one request each in HTTP/1.1 alone.
		config = &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for the simulated ConnectWise: %w", err)
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	return listener, nil
}

// clock tells the time that was given, or else the time it is.
func (c *simulateConnectWiseCommand) clock() func() time.Time {
	if c.Now.IsZero() {
		return time.Now
	}
	return func() time.Time { return c.Now }
}
