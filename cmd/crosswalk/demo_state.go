package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"crosswalk/internal/httpapi/explorer"
	"crosswalk/internal/postgres"
)

// demoState is what a demo keeps between runs, beside its database.
type demoState struct {
	path string

	EncryptionKey string            `json:"encryptionKey"`
	Seller        postgres.SellerID `json:"seller,omitempty"`
	Tokens        []explorer.Token  `json:"tokens,omitempty"`
	// ConnectWise and Platform are the addresses of the simulators.
	ConnectWise   string `json:"connectWise,omitempty"`
	Platform      string `json:"platform,omitempty"`
	PlatformKey   string `json:"platformKey"`
	PlatformToken string `json:"platformToken"`
}

// readDemoState returns what an earlier demo kept in path, or the beginnings of a new one.
func readDemoState(path string) (*demoState, error) {
	state := &demoState{
		path:          path,
		EncryptionKey: base64.StdEncoding.EncodeToString(randomBytes()),
		PlatformKey:   base64.RawURLEncoding.EncodeToString(randomBytes()),
		PlatformToken: base64.RawURLEncoding.EncodeToString(randomBytes()),
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what the last demo kept: %w", err)
	}
	if err := json.Unmarshal(content, state); err != nil {
		return nil, fmt.Errorf("%s cannot be read (%w); start over with --reset", path, err)
	}
	return state, nil
}

// save writes the state so that a crash leaves the old or the new one, never half of it.
func (s *demoState) save() error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o755); err != nil {
		return fmt.Errorf("keep the demo's state: %w", err)
	}
	next := s.path + ".new"
	if err := os.WriteFile(next, append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("keep the demo's state: %w", err)
	}
	if err := os.Rename(next, s.path); err != nil {
		return fmt.Errorf("keep the demo's state: %w", err)
	}
	return nil
}

func randomBytes() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return key
}
