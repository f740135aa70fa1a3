package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"crosswalk/internal/postgres"
)

// sealedColumns are all columns that hold secrets, with the place each is sealed for.
var sealedColumns = [...]struct{ table, owner, column, place string }{
	{"seller", "id", "platform_key_sealed", platformKeyColumn},
	{"seller", "id", "platform_token_sealed", platformTokenColumn},
	{"psa_connection", "seller_id", "private_key_sealed", privateKeyColumn},
	{"psa_connection", "seller_id", "client_id_sealed", clientIDColumn},
}

// Reseal seals every secret that hangs on an older key again with the first key of the ring and returns
// how many those were. Once it succeeds the older keys may leave the ring. It may be repeated, and run
// while crosswalk serves.
func (s *Service) Reseal(ctx context.Context) (int, error) {
	sellers, err := ListSellers(ctx, s.db)
	if err != nil {
		return 0, fmt.Errorf("reseal: %w", err)
	}
	total := 0
	for _, seller := range sellers {
		resealed, err := s.resealSeller(ctx, seller.ID)
		if err != nil {
			return total, fmt.Errorf("reseal the secrets of seller %s: %w", seller.ID, err)
		}
		total += resealed
	}
	return total, nil
}

// CountSecrets returns how many secrets are stored, and how many of them were sealed with a key of the ring.
func (s *Service) CountSecrets(ctx context.Context) (sealed, opened int, err error) {
	err = s.db.System().Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		sealed, opened = 0, 0
		for _, c := range sealedColumns {
			var secrets [][]byte
			if err := tx.SelectContext(ctx, &secrets, `SELECT `+c.column+` FROM `+c.table); err != nil {
				return err
			}
			for _, secret := range secrets {
				sealed++
				if s.ring.Knows(secret) {
					opened++
				}
			}
		}
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("count secrets: %w", err)
	}
	return sealed, opened, nil
}

func (s *Service) resealSeller(ctx context.Context, seller postgres.SellerID) (resealed int, err error) {
	err = s.db.Seller(seller).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		resealed = 0
		if err := lockSeller(ctx, tx, seller); err != nil {
			return err
		}
		for _, c := range sealedColumns {
			var sealed []byte
			err := tx.GetContext(ctx, &sealed, `SELECT `+c.column+` FROM `+c.table+` WHERE `+c.owner+` = $1`, seller)
			if errors.Is(err, sql.ErrNoRows) || err == nil && !s.ring.NeedsReseal(sealed) {
				continue
			}
			if err != nil {
				return err
			}
			renewed, err := s.ring.Reseal(place(seller, c.place), sealed)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE `+c.table+` SET `+c.column+` = $2 WHERE `+c.owner+` = $1`, seller, renewed); err != nil {
				return err
			}
			resealed++
		}
		return nil
	})
	return resealed, err
}
