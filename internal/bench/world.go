package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/account/seal"
	"crosswalk/internal/civil"
	"crosswalk/internal/gateway"
	"crosswalk/internal/postgres"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	simplatform "crosswalk/internal/simulator/platform"
)

// today is what business rules take for the date: the peak month is then the current one.
func today() time.Time { return peak().FirstDay().AddDays(17).Midnight() }

// world is a gateway, the ConnectWise it asks, and a seller in its database.
type world struct {
	db     *postgres.DB
	market Market
	ring   *seal.KeyRing
	key    string
	psa    *psaServer
	seller postgres.SellerID
	token  string
	ends   []func()

	accounts *account.Service
}

func (w *world) end() {
	for i := len(w.ends) - 1; i >= 0; i-- {
		w.ends[i]()
	}
}

// sellerName tells sellers of different sizes apart, so that one that an earlier run generated is found again.
func (m Market) sellerName() string {
	return fmt.Sprintf("Bench %d organizations, %d companies, %d offers, %d lines, %d in the peak of %d months",
		m.Organizations, m.Companies, m.Offers, m.Lines, m.PeakLines, m.Months)
}

// open finds or generates the seller, and serves its ConnectWise.
func open(ctx context.Context, dsn string, market Market, log *slog.Logger) (_ *world, err error) {
	w := &world{market: market}
	defer func() {
		if err != nil {
			w.end()
		}
	}()
	if w.db, err = postgres.Open(ctx, dsn, postgres.Options{}); err != nil {
		return nil, err
	}
	w.ends = append(w.ends, func() { w.db.Close() })
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	w.key = base64.StdEncoding.EncodeToString(key)
	if w.ring, err = seal.ParseKeyRing(w.key); err != nil {
		return nil, err
	}
	if w.psa, err = servePSA(market); err != nil {
		return nil, err
	}
	w.ends = append(w.ends, w.psa.close)
	w.accounts = account.NewService(w.db, w.ring, time.Now, account.Options{AllowInsecureUpstreams: true})
	if w.seller, err = w.findSeller(ctx); err != nil {
		return nil, err
	}
	if w.seller == 0 {
		if w.seller, err = w.createSeller(ctx, market.sellerName(), "http://127.0.0.1:1"); err != nil {
			return nil, err
		}
		begun := time.Now()
		err = market.Generate(ctx, w.db, w.seller, func(lines int) { log.Info("generating", "lines", lines, "of", market.Lines) })
		if err != nil {
			return nil, err
		}
		log.Info("generated a seller", "took", time.Since(begun).Round(time.Second))
	}
	w.token, err = w.connect(ctx, w.seller)
	return w, err
}

// createSeller creates a seller of the Platform at an address, with the credentials that its simulator takes.
func (w *world) createSeller(ctx context.Context, name, platform string) (postgres.SellerID, error) {
	created, err := w.accounts.CreateSeller(ctx, account.NewSeller{
		Name: name, TimeZone: "Europe/Riga", PlatformURL: platform,
		PlatformKey: seal.NewSecret(simplatform.DefaultKey), PlatformToken: seal.NewSecret(simplatform.DefaultToken),
	})
	if err != nil {
		return 0, err
	}
	return created.ID, nil
}

// findSeller returns the seller that an earlier run generated, 0 if there is none. One whose generation was broken off has no periods.
func (w *world) findSeller(ctx context.Context) (found postgres.SellerID, err error) {
	err = w.db.System().Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &found, `
			SELECT coalesce(max(s.id), 0)
			FROM seller s
			WHERE s.name = $1
				AND EXISTS (SELECT FROM invoice_period p WHERE p.seller_id = s.id)`, w.market.sellerName())
	})
	return found, err
}

// connect connects a seller to ConnectWise, by credentials that are sealed with this run's key, and returns a token for it.
func (w *world) connect(ctx context.Context, seller postgres.SellerID) (token string, err error) {
	err = w.db.Seller(seller).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		_, err := w.accounts.SaveConnection(ctx, tx, seller, account.NewConnection{
			APIURL: w.psa.url, CompanyID: "demo", PublicKey: "public",
			PrivateKey: seal.NewSecret("private"), ClientID: seal.NewSecret("3f0c9a52-6f1d-4c8e-9b7e-5d2a1c0e4b66"),
		}, "bench", func(context.Context, *postgres.Tx) (bool, error) { return false, nil })
		if err != nil {
			return err
		}
		_, err = w.accounts.UpdateSettings(ctx, tx, seller, account.SettingsChange{AgreementType: &account.AgreementType{RecordID: 2, Name: "Cloud Subscriptions"}})
		return err
	})
	if err != nil {
		return "", err
	}
	token, _, err = w.accounts.IssueToken(ctx, account.NewToken{Seller: seller, Role: account.Admin, Subject: "bench"})
	return token, err
}

// config is what replicas run with.
func (w *world) config() gateway.Config {
	return gateway.Config{
		DB: w.db, KeyRing: w.ring, Listen: "127.0.0.1:0", AllowInsecureUpstreams: true, Clock: civil.Frozen(today()),
		PSABudget: 20 * time.Second, PSACallsPerMinute: 1_000_000, Log: slog.New(slog.DiscardHandler),
	}
}

// serve starts a replica and returns its address and what stops it.
func (w *world) serve(ctx context.Context, change func(*gateway.Config)) (address string, stop func(), err error) {
	config := w.config()
	if change != nil {
		change(&config)
	}
	g, err := gateway.New(config)
	if err != nil {
		return "", nil, err
	}
	if err := g.Start(ctx); err != nil {
		return "", nil, err
	}
	return "http://" + g.Address(), soon(ctx, g.Stop), nil
}

// soon returns what stops a service and does not wait for ever.
func soon(ctx context.Context, stop func(context.Context) error) func() {
	return func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_ = stop(stopping)
	}
}

// psaServer is a simulated ConnectWise with the companies, products and agreements of a market.
type psaServer struct {
	*simconnectwise.Simulator
	url   string
	close func()
}

func servePSA(market Market) (*psaServer, error) {
	simulator := simconnectwise.New(simconnectwise.Options{})
	for n := 1; n <= market.Companies; n++ {
		simulator.AddCompany(simconnectwise.Company{ID: n, Identifier: fmt.Sprint("C", n), Name: fmt.Sprint("Company ", n), Currency: "EUR", WithoutContact: true})
	}
	for n := 1; n <= market.Offers; n++ {
		simulator.AddProduct(simconnectwise.Product{ID: n, Identifier: fmt.Sprint("P", n), Description: fmt.Sprint("Product ", n)})
	}
	for n := 1; n <= market.Companies; n++ {
		agreement := simconnectwise.Agreement{ID: n, Name: fmt.Sprint("Agreement ", n), CompanyID: n, Currency: "EUR", StartDate: peak().FirstDay()}
		if _, err := simulator.AddAgreement(agreement); err != nil {
			return nil, err
		}
	}
	url, stop, err := listen(simulator)
	return &psaServer{simulator, url, stop}, err
}

// listen serves handler on a free port of this machine.
func listen(handler http.Handler) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("a server of the benchmark broke down", "error", err)
		}
	}()
	return "http://" + listener.Addr().String(), func() { server.Close(); <-done }, nil
}
