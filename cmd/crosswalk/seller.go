package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
	_ "time/tzdata" // sellers have time zones, and small machines no files of them

	"crosswalk/internal/account"
	"crosswalk/internal/account/seal"
)

// sellerCommand administers the tenants.
type sellerCommand struct {
	Create sellerCreateCommand `cmd:"" help:"Create a seller and print its id."`
	List   sellerListCommand   `cmd:"" help:"List the sellers."`
	Reseal sellerResealCommand `cmd:"" help:"Seal all stored credentials with the first encryption key, so that the others may go."`
}

type sellerCreateCommand struct {
	databaseFlags
	keyFlags
	insecureFlags
	Name          string      `required:"" help:"The seller's name."`
	TimeZone      string      `required:"" placeholder:"Europe/Vienna" help:"IANA time zone in which the seller's days begin and end."`
	PlatformURL   string      `name:"platform-url" required:"" placeholder:"URL" help:"Base address of the Platform's billing feed."`
	PlatformKey   seal.Secret `env:"CROSSWALK_PLATFORM_KEY" required:"" placeholder:"KEY" help:"Subscription key of the feed."`
	PlatformToken seal.Secret `env:"CROSSWALK_PLATFORM_TOKEN" required:"" placeholder:"TOKEN" help:"Bearer token of the feed."`
}

// Run prints the new seller's id and nothing else.
func (c *sellerCreateCommand) Run(ctx context.Context, stdout io.Writer) error {
	ring, err := c.ring()
	if err != nil {
		return err
	}
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	accounts := account.NewService(db, ring, time.Now, account.Options{AllowInsecureUpstreams: c.AllowInsecureUpstreams})
	seller, err := accounts.CreateSeller(ctx, account.NewSeller{
		Name:          c.Name,
		TimeZone:      c.TimeZone,
		PlatformURL:   c.PlatformURL,
		PlatformKey:   c.PlatformKey,
		PlatformToken: c.PlatformToken,
	})
	if err != nil {
		return flagErrors(err)
	}
	_, err = fmt.Fprintln(stdout, seller.ID)
	return err
}

type sellerListCommand struct {
	databaseFlags
}

// Run prints one line for each seller.
func (c *sellerListCommand) Run(ctx context.Context, stdout io.Writer) error {
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	sellers, err := account.ListSellers(ctx, db)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tTIME ZONE\tPLATFORM")
	for _, seller := range sellers {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", seller.ID, seller.Name, seller.Zone, seller.PlatformURL)
	}
	return table.Flush()
}

type sellerResealCommand struct {
	databaseFlags
	keyFlags
}

// Run tells on stderr how many secrets were sealed again.
func (c *sellerResealCommand) Run(ctx context.Context) error {
	ring, err := c.ring()
	if err != nil {
		return err
	}
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	resealed, err := account.NewService(db, ring, time.Now, account.Options{}).Reseal(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d secrets were sealed again; all of them now need the first encryption key only.\n", resealed)
	return nil
}
