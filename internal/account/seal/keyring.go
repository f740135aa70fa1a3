// Package seal keeps credentials unreadable at rest and unprintable in memory.
//
// A KeyRing seals a Secret for one Place, the column of one seller that will hold it, with AES-256-GCM. The
// sealed bytes open at no other place, so that a copy moved to another row or column is worthless. Several
// keys make rotation possible: the first seals, all open, and NeedsReseal tells what still hangs on an old one.
//
// The package knows neither the database nor what the secrets are for. Start reading at KeyRing.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Sealed bytes are: one byte of format version, four bytes of key id, twelve bytes of random nonce, the
// ciphertext, sixteen bytes of authentication tag. The last three are what the cipher hands out.
const (
	formatVersion = 1
	keySize       = 32
	keyIDSize     = 4
	headerSize    = 1 + keyIDSize
)

// ErrUnknownKey means that something was sealed with a key that is not on the ring.
var ErrUnknownKey = errors.New("sealed with an encryption key that is not on the key ring")

// ErrDamaged means that sealed bytes were altered, cut short, or moved from the place they were sealed for.
var ErrDamaged = errors.New("sealed bytes are damaged or do not belong here")

// Place is where a sealed secret lives. It is authenticated with the secret and not stored in it.
type Place struct {
	// Seller is the number of the seller whose row it is.
	Seller int64
	// Column is the table and column, "table.column".
	Column string
}

// KeyRing seals and opens secrets. It is safe for concurrent use.
type KeyRing struct {
	keys []*key // the first seals, all open
}

type key struct {
	id   [keyIDSize]byte
	aead cipher.AEAD
}

// ParseKeyRing reads keys separated by commas, each the base64 of 32 random bytes. The first seals, all
// open. Its errors say which key is malformed and never show one.
func ParseKeyRing(text string) (*KeyRing, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("the encryption key is empty; make one with: openssl rand -base64 32")
	}
	parts := strings.Split(text, ",")
	ring := &KeyRing{}
	for i, part := range parts {
		k, err := parseKey(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("encryption key %d of %d %w", i+1, len(parts), err)
		}
		if ring.find(k.id) != nil {
			return nil, fmt.Errorf("encryption key %d of %d repeats an earlier one", i+1, len(parts))
		}
		ring.keys = append(ring.keys, k)
	}
	return ring, nil
}

func parseKey(text string) (*key, error) {
	if text == "" {
		return nil, errors.New("is empty; look for a stray comma")
	}
	// The decoder's own error is left out: it quotes where in the key it stumbled.
	raw, err := decodeBase64(text)
	if err != nil {
		return nil, errors.New("is not base64; make one with: openssl rand -base64 32")
	}
	if len(raw) != keySize {
		return nil, fmt.Errorf("holds %d bytes instead of %d; make one with: openssl rand -base64 32", len(raw), keySize)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("cannot be used: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("cannot be used: %w", err)
	}
	k := &key{aead: aead}
	sum := sha256.Sum256(raw)
	copy(k.id[:], sum[:])
	return k, nil
}

// decodeBase64 reads the standard and the URL alphabet, with and without padding.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(text)
}

// Seal encrypts secret for place with the first key. Sealing the same secret twice gives different bytes.
func (r *KeyRing) Seal(place Place, secret Secret) ([]byte, error) {
	if place.Seller <= 0 || place.Column == "" {
		return nil, fmt.Errorf("seal: a place needs a seller and a column, got %d and %q", place.Seller, place.Column)
	}
	first := r.keys[0]
	header := append([]byte{formatVersion}, first.id[:]...)
	return first.aead.Seal(header, nil, []byte(secret.Reveal()), associated(header, place)), nil
}

// Open decrypts what Seal made for the same place. It returns ErrUnknownKey or ErrDamaged, wrapped with
// the column it happened in.
func (r *KeyRing) Open(place Place, sealed []byte) (Secret, error) {
	if len(sealed) < headerSize || sealed[0] != formatVersion {
		return Secret{}, fmt.Errorf("open %s of seller %d: %w", place.Column, place.Seller, ErrDamaged)
	}
	header, body := sealed[:headerSize], sealed[headerSize:]
	k := r.find([keyIDSize]byte(header[1:]))
	if k == nil {
		return Secret{}, fmt.Errorf("open %s of seller %d: %w", place.Column, place.Seller, ErrUnknownKey)
	}
	plain, err := k.aead.Open(nil, nil, body, associated(header, place))
	if err != nil {
		return Secret{}, fmt.Errorf("open %s of seller %d: %w", place.Column, place.Seller, ErrDamaged)
	}
	return NewSecret(string(plain)), nil
}

// NeedsReseal reports whether sealed was not made with the first key in the current format.
func (r *KeyRing) NeedsReseal(sealed []byte) bool {
	return len(sealed) < headerSize || sealed[0] != formatVersion || [keyIDSize]byte(sealed[1:headerSize]) != r.keys[0].id
}

// Knows reports whether sealed was made with a key of the ring. It does not open it.
func (r *KeyRing) Knows(sealed []byte) bool {
	return len(sealed) >= headerSize && sealed[0] == formatVersion && r.find([keyIDSize]byte(sealed[1:headerSize])) != nil
}

// Reseal opens sealed and seals it again with the first key.
func (r *KeyRing) Reseal(place Place, sealed []byte) ([]byte, error) {
	secret, err := r.Open(place, sealed)
	if err != nil {
		return nil, err
	}
	return r.Seal(place, secret)
}

// Format keeps the keys out of every verb of package fmt.
func (r *KeyRing) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, "[key ring]")
}

func (r *KeyRing) find(id [keyIDSize]byte) *key {
	for _, k := range r.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// associated is what the cipher authenticates beside the secret: the header and the place. Every part but
// the last has a fixed length, so that no two places give the same bytes.
func associated(header []byte, place Place) []byte {
	data := append([]byte(nil), header...)
	data = binary.BigEndian.AppendUint64(data, uint64(place.Seller))
	return append(data, place.Column...)
}
