package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"crosswalk/internal/account/seal"
	"crosswalk/internal/postgres"
)

// The places of the ConnectWise credentials.
const (
	privateKeyColumn = "psa_connection.private_key_sealed"
	clientIDColumn   = "psa_connection.client_id_sealed"
)

// ErrNotConnected means that a seller has saved no ConnectWise credentials yet.
var ErrNotConnected = errors.New("no ConnectWise credentials have been saved")

// Connection is what people may see of a seller's ConnectWise credentials. The zero value stands for a
// seller that has saved none.
type Connection struct {
	// APIURL is the origin, such as https://api-eu.myconnectwise.net.
	APIURL    string    `db:"api_url"`
	CompanyID string    `db:"company_id"`
	PublicKey string    `db:"public_key"`
	Revision  int       `db:"revision"`
	SavedAt   time.Time `db:"saved_at"`
	SavedBy   string    `db:"saved_by"`
}

// IsSet reports whether credentials have been saved. They are saved together or not at all.
func (c Connection) IsSet() bool { return c.Revision > 0 }

// Credentials are what a ConnectWise client is built from.
type Credentials struct {
	// APIURL is the origin, such as https://api-eu.myconnectwise.net.
	APIURL     string
	CompanyID  string
	PublicKey  string
	PrivateKey seal.Secret
	ClientID   seal.Secret
	// Revision grows whenever credentials are saved: a client built from an earlier one is out of date.
	Revision int
}

// NewConnection is what a user enters. APIURL is a host or an origin.
type NewConnection struct {
	APIURL     string
	CompanyID  string
	PublicKey  string
	PrivateKey seal.Secret
	ClientID   seal.Secret
}

// SavedConnection is what SaveConnection did.
type SavedConnection struct {
	Before, After Connection
	// Moved is true when After is another ConnectWise than Before. Record numbers stored from the earlier
	// one mean nothing any more: the Agreement Type was cleared, and mirrors must be.
	Moved bool
}

// Connection returns what people may see of a seller's credentials.
func (s *Service) Connection(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) (Connection, error) {
	var connection Connection
	err := tx.GetContext(ctx, &connection, `
		SELECT api_url, company_id, public_key, revision, saved_at, saved_by
		FROM psa_connection
		WHERE seller_id = $1`, seller)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Connection{}, fmt.Errorf("connection of seller %s: %w", seller, err)
	}
	return connection, nil
}

// Credentials returns what a ConnectWise client is built from, or ErrNotConnected, wrapped.
func (s *Service) Credentials(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) (Credentials, error) {
	var row struct {
		Connection
		PrivateKey []byte `db:"private_key_sealed"`
		ClientID   []byte `db:"client_id_sealed"`
	}
	err := tx.GetContext(ctx, &row, `
		SELECT api_url, company_id, public_key, private_key_sealed, client_id_sealed, revision
		FROM psa_connection
		WHERE seller_id = $1`, seller)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotConnected
	}
	if err != nil {
		return Credentials{}, fmt.Errorf("credentials of seller %s: %w", seller, err)
	}
	privateKey, err := s.ring.Open(place(seller, privateKeyColumn), row.PrivateKey)
	if err != nil {
		return Credentials{}, err
	}
	clientID, err := s.ring.Open(place(seller, clientIDColumn), row.ClientID)
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{
		APIURL:     row.APIURL,
		CompanyID:  row.CompanyID,
		PublicKey:  row.PublicKey,
		PrivateKey: privateKey,
		ClientID:   clientID,
		Revision:   row.Revision,
	}, nil
}

// SaveConnection stores a seller's ConnectWise credentials and raises their revision. New keys for the
// same host and company are always welcome. Another host or company is a *ConflictError once inUse says
// that anything is mapped or posted, because record numbers would point at strangers. It returns
// FieldErrors for a bad input.
func (s *Service) SaveConnection(
	ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, input NewConnection, savedBy string,
	inUse func(context.Context, *postgres.Tx) (bool, error),
) (SavedConnection, error) {
	input, err := s.checkConnection(input)
	if err != nil {
		return SavedConnection{}, err
	}
	if err := lockSeller(ctx, tx, seller); err != nil {
		return SavedConnection{}, err
	}
	before, err := s.Connection(ctx, tx, seller)
	if err != nil {
		return SavedConnection{}, err
	}
	movedField := movedField(before, input)
	if movedField != "" {
		if err := s.move(ctx, tx, seller, movedField, inUse); err != nil {
			return SavedConnection{}, err
		}
	}
	after, err := s.storeConnection(ctx, tx, seller, input, savedBy)
	if err != nil {
		return SavedConnection{}, err
	}
	return SavedConnection{Before: before, After: after, Moved: movedField != ""}, nil
}

func (s *Service) checkConnection(input NewConnection) (NewConnection, error) {
	var problems FieldErrors
	origin, err := parseConnectWiseOrigin(input.APIURL, s.options.AllowInsecureUpstreams)
	if err != nil {
		problems.add(err.Error(), "apiUrl")
	}
	// The user name of the API is company+publicKey, and ends at a colon.
	checked := NewConnection{
		APIURL:     origin,
		CompanyID:  problems.credential(input.CompanyID, "+:", "companyId"),
		PublicKey:  problems.credential(input.PublicKey, ":", "publicKey"),
		PrivateKey: seal.NewSecret(problems.credential(input.PrivateKey.Reveal(), "", "privateKey")),
		ClientID:   seal.NewSecret(problems.credential(input.ClientID.Reveal(), "", "clientId")),
	}
	return checked, problems.err()
}

// movedField names the input field that makes input another ConnectWise than before; empty if none does.
func movedField(before Connection, input NewConnection) string {
	switch {
	case !before.IsSet():
		return ""
	case !sameServer(before.APIURL, input.APIURL):
		return "apiUrl"
	case !strings.EqualFold(before.CompanyID, input.CompanyID):
		return "companyId"
	}
	return ""
}

// move lets go of the earlier ConnectWise, or refuses to.
func (s *Service) move(
	ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, field string,
	inUse func(context.Context, *postgres.Tx) (bool, error),
) error {
	used, err := inUse(ctx, tx)
	if err != nil {
		return fmt.Errorf("is the connection of seller %s in use: %w", seller, err)
	}
	if used {
		return &ConflictError{
			Field: []string{field},
			Message: "Records of the present ConnectWise company are mapped or posted, and their numbers mean other records elsewhere. " +
				"Keep the API URL and company ID; the keys may change.",
		}
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE seller_settings
		SET agreement_type_id = NULL, agreement_type_name = NULL
		WHERE seller_id = $1`, seller)
	if err != nil {
		return fmt.Errorf("clear the agreement type of seller %s: %w", seller, err)
	}
	return nil
}

func (s *Service) storeConnection(
	ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, input NewConnection, savedBy string,
) (Connection, error) {
	privateKey, err := s.ring.Seal(place(seller, privateKeyColumn), input.PrivateKey)
	if err != nil {
		return Connection{}, err
	}
	clientID, err := s.ring.Seal(place(seller, clientIDColumn), input.ClientID)
	if err != nil {
		return Connection{}, err
	}
	var stored Connection
	err = tx.GetContext(ctx, &stored, `
		INSERT INTO psa_connection AS c
			(seller_id, api_url, company_id, public_key, private_key_sealed, client_id_sealed, saved_at, saved_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (seller_id) DO UPDATE
		SET api_url = EXCLUDED.api_url, company_id = EXCLUDED.company_id, public_key = EXCLUDED.public_key,
			private_key_sealed = EXCLUDED.private_key_sealed, client_id_sealed = EXCLUDED.client_id_sealed,
			revision = c.revision + 1, saved_at = EXCLUDED.saved_at, saved_by = EXCLUDED.saved_by
		RETURNING api_url, company_id, public_key, revision, saved_at, saved_by`,
		seller, input.APIURL, input.CompanyID, input.PublicKey, privateKey, clientID, s.now(), savedBy)
	if err != nil {
		return Connection{}, fmt.Errorf("save the connection of seller %s: %w", seller, err)
	}
	return stored, nil
}
