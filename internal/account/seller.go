package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"crosswalk/internal/account/seal"
	"crosswalk/internal/outbound"
	"crosswalk/internal/postgres"
)

// The places of the Platform's credentials.
const (
	platformKeyColumn   = "seller.platform_key_sealed"
	platformTokenColumn = "seller.platform_token_sealed"
)

// Seller is one tenant.
type Seller struct {
	ID   postgres.SellerID
	Name string
	// Zone is where the seller's days begin and end; its String is the IANA name.
	Zone *time.Location
	// PlatformURL is the base address of the seller's billing feed, without a trailing slash.
	PlatformURL string
}

// NewSeller is what a seller is created with.
type NewSeller struct {
	Name string
	// TimeZone is an IANA name such as Europe/Vienna.
	TimeZone      string
	PlatformURL   string
	PlatformKey   seal.Secret
	PlatformToken seal.Secret
}

// PlatformCredentials open one seller's billing feed.
type PlatformCredentials struct {
	// URL is the base address, without a trailing slash.
	URL string
	// Key is the subscription key, Token the bearer token.
	Key   seal.Secret
	Token seal.Secret
}

// CreateSeller stores a seller with its Platform credentials sealed. It returns FieldErrors for a bad input.
func (s *Service) CreateSeller(ctx context.Context, input NewSeller) (Seller, error) {
	seller, key, token, err := s.checkSeller(input)
	if err != nil {
		return Seller{}, err
	}
	err = s.db.System().Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		// The id is drawn first because the secrets are sealed for it.
		err := tx.GetContext(ctx, &seller.ID, `SELECT nextval(pg_get_serial_sequence('seller', 'id'))`)
		if err != nil {
			return err
		}
		sealedKey, err := s.ring.Seal(place(seller.ID, platformKeyColumn), key)
		if err != nil {
			return err
		}
		sealedToken, err := s.ring.Seal(place(seller.ID, platformTokenColumn), token)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO seller (id, name, time_zone, platform_url, platform_key_sealed, platform_token_sealed, created_at)
			OVERRIDING SYSTEM VALUE
			VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			seller.ID, seller.Name, seller.Zone.String(), seller.PlatformURL, sealedKey, sealedToken, s.now())
		return err
	})
	if err != nil {
		return Seller{}, fmt.Errorf("create seller: %w", err)
	}
	return seller, nil
}

func (s *Service) checkSeller(input NewSeller) (seller Seller, key, token seal.Secret, err error) {
	var problems FieldErrors
	seller.Name = problems.name(input.Name, "name")
	seller.Zone, err = parseZone(strings.TrimSpace(input.TimeZone))
	if err != nil {
		problems.add(err.Error(), "timeZone")
	}
	if address, err := outbound.ParseURL(input.PlatformURL, s.options.AllowInsecureUpstreams); err != nil {
		problems.add(err.Error(), "platformUrl")
	} else {
		seller.PlatformURL = address.String()
	}
	key = seal.NewSecret(problems.credential(input.PlatformKey.Reveal(), "", "platformKey"))
	token = seal.NewSecret(problems.credential(input.PlatformToken.Reveal(), "", "platformToken"))
	return seller, key, token, problems.err()
}

// parseZone reads an IANA time zone. The machine's own zone is none: it differs between replicas.
func parseZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || zone == time.Local {
		return nil, errors.New("must be an IANA time zone such as Europe/Vienna")
	}
	return zone, nil
}

type sellerRow struct {
	ID          postgres.SellerID `db:"id"`
	Name        string            `db:"name"`
	TimeZone    string            `db:"time_zone"`
	PlatformURL string            `db:"platform_url"`
}

func (r sellerRow) seller() (Seller, error) {
	zone, err := time.LoadLocation(r.TimeZone)
	if err != nil {
		return Seller{}, fmt.Errorf("seller %s: %w", r.ID, err)
	}
	return Seller{ID: r.ID, Name: r.Name, Zone: zone, PlatformURL: r.PlatformURL}, nil
}

// Seller returns one seller, or ErrNotFound, wrapped.
func (s *Service) Seller(ctx context.Context, id postgres.SellerID) (Seller, error) {
	var row sellerRow
	err := s.db.Seller(id).ReadOne(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(postgres.Reuse(ctx), &row, `
			SELECT id, name, time_zone, platform_url
			FROM seller
			WHERE id = $1`, id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Seller{}, fmt.Errorf("seller %s: %w", id, err)
	}
	return row.seller()
}

// ListSellers returns every seller in the order of their creation. It opens no secret and needs no Service.
func ListSellers(ctx context.Context, db *postgres.DB) ([]Seller, error) {
	var rows []sellerRow
	err := db.System().Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		rows = nil
		return tx.SelectContext(ctx, &rows, `
			SELECT id, name, time_zone, platform_url
			FROM seller
			ORDER BY id`)
	})
	if err != nil {
		return nil, fmt.Errorf("list sellers: %w", err)
	}
	sellers := make([]Seller, len(rows))
	for i, row := range rows {
		if sellers[i], err = row.seller(); err != nil {
			return nil, fmt.Errorf("list sellers: %w", err)
		}
	}
	return sellers, nil
}

// PlatformCredentials returns what opens the seller's billing feed, or ErrNotFound, wrapped.
func (s *Service) PlatformCredentials(ctx context.Context, id postgres.SellerID) (PlatformCredentials, error) {
	var row struct {
		URL   string `db:"platform_url"`
		Key   []byte `db:"platform_key_sealed"`
		Token []byte `db:"platform_token_sealed"`
	}
	err := s.db.Seller(id).Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &row, `
			SELECT platform_url, platform_key_sealed, platform_token_sealed
			FROM seller
			WHERE id = $1`, id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return PlatformCredentials{}, fmt.Errorf("platform credentials of seller %s: %w", id, err)
	}
	key, err := s.ring.Open(place(id, platformKeyColumn), row.Key)
	if err != nil {
		return PlatformCredentials{}, err
	}
	token, err := s.ring.Open(place(id, platformTokenColumn), row.Token)
	if err != nil {
		return PlatformCredentials{}, err
	}
	return PlatformCredentials{URL: row.URL, Key: key, Token: token}, nil
}

func place(seller postgres.SellerID, column string) seal.Place {
	return seal.Place{Seller: int64(seller), Column: column}
}
