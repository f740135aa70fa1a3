package oidc_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// What lies behind a refused key is asked for again after fetchPause, and keys that are known after
// refreshAfter.
const (
	fetchPause   = 10 * time.Second
	refreshAfter = 10 * time.Minute

	unknownKey = "The token is signed with a key that its issuer does not have."
)

func TestANewKeyIsFoundAtOnceAndAWithdrawnOneIsForgotten(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	old, second := d.key, rsaKey(t, "second", 2048)
	d.wantIn(t, "with the first key", old.sign(t, d.good))
	d.clock.Advance(fetchPause)
	d.issuer.show(old.public(), second.public())
	d.wantIn(t, "with a key that was added", second.sign(t, d.good))
	d.wantIn(t, "with the key that was there before", old.sign(t, d.good))
	if got := d.issuer.calls(); got != 2 {
		t.Errorf("the keys were asked for %d times, want once for each key that was new", got)
	}

	d.issuer.show(second.public())
	d.wantIn(t, "with a key that was withdrawn just now", old.sign(t, d.good))
	d.clock.Advance(refreshAfter + time.Second)
	d.wantIn(t, "with the key that stays, while the others are looked at", second.sign(t, d.good))
	eventually(t, "the keys are asked for again", func() bool { return d.issuer.calls() == 3 })
	eventually(t, "the withdrawn key is refused", func() bool {
		_, err := d.Authenticate(t.Context(), old.sign(t, d.good))
		return err != nil && err.Error() == unknownKey
	})
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("it never came about that %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func TestKeyIdsThatAreMadeUpDoNotMakeUsCall(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	good := d.key.sign(t, d.good)
	var all sync.WaitGroup
	for i := range 200 {
		token := ecKey(t, fmt.Sprint("made-up-", i)).sign(t, d.good)
		all.Go(func() { d.wantOut(t, "with an id that was made up", token, unknownKey) })
	}
	all.Go(func() { d.wantIn(t, "beside all these", good) })
	all.Wait()
	if got := d.issuer.calls(); got != 1 {
		t.Errorf("201 tokens at once made %d calls, want 1", got)
	}
	d.clock.Advance(fetchPause - time.Second)
	d.wantOut(t, "again, too early to ask", ecKey(t, "another").sign(t, d.good), unknownKey)
	d.clock.Advance(time.Second)
	d.wantOut(t, "again, late enough to ask", ecKey(t, "another").sign(t, d.good), unknownKey)
	d.wantOut(t, "with a known id", ecKey(t, "first").sign(t, d.good), "The token's signature is not the issuer's.")
	if got := d.issuer.calls(); got != 2 {
		t.Errorf("made-up ids made %d calls in %s, want 2", got, fetchPause)
	}
}

func TestWhileTheIssuerIsDownKnownKeysGoOnWorking(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	second := ecKey(t, "second")
	d.wantIn(t, "while the issuer is up", d.key.sign(t, d.good))
	d.issuer.show(d.key.public(), second.public())
	d.issuer.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	d.clock.Advance(refreshAfter + time.Second)
	for range 3 {
		d.wantIn(t, "with a known key", d.key.sign(t, d.good))
		if err := d.wantUndecided(t, "with a new key", second.sign(t, d.good)); err == nil || !strings.Contains(err.Error(), "502") {
			t.Errorf("the problem is %v, want one that names the status 502", err)
		}
		d.clock.Advance(fetchPause)
	}
	d.issuer.answer(nil)
	d.wantIn(t, "with the new key, when the issuer is back", second.sign(t, d.good))
}

func TestAnIssuerThatIsDownAtFirstIsAskedAgain(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	d.issuer.answer(func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	d.wantUndecided(t, "while the issuer cuts connections", d.key.sign(t, d.good))
	d.issuer.answer(nil)
	d.wantUndecided(t, "right afterwards", d.key.sign(t, d.good))
	d.clock.Advance(fetchPause)
	d.wantIn(t, "after a pause", d.key.sign(t, d.good))
}

func TestAnswersOfAHostileIssuerOpenNothing(t *testing.T) {
	t.Parallel()
	elsewhere := startIssuer(t, ecKey(t, "first").public())
	for name, c := range map[string]struct {
		change func(*issuer)
		says   string
	}{
		"an answer without end": {func(i *issuer) {
			i.answer(func(w http.ResponseWriter, _ *http.Request) {
				for {
					if _, err := w.Write(make([]byte, 64<<10)); err != nil {
						return
					}
				}
			})
		}, "larger than allowed"},
		"a page instead of JSON": {func(i *issuer) {
			i.answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Sign in</html>") })
		}, "not the JSON expected"},
		"a redirect to another server": {func(i *issuer) {
			i.answer(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
			})
		}, "redirects to another host"},
		"another's name":            {func(i *issuer) { i.discover("issuer", elsewhere.URL) }, "calls itself"},
		"no place for keys":         {func(i *issuer) { i.discover("jwks_uri", nil) }, "must be a URL"},
		"a file for keys":           {func(i *issuer) { i.discover("jwks_uri", "file:///etc/passwd") }, "must be a URL"},
		"no keys":                   {func(i *issuer) { i.show() }, "shows no"},
		"keys that cannot be read":  {func(i *issuer) { i.show(map[string]any{"kty": "RSA", "n": "!"}, 17, nil) }, "shows no"},
		"more keys than are looked": {func(i *issuer) { i.show(append(make([]any, 100), ecKey(t, "first").public())...) }, "shows no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			c.change(d.issuer)
			if err := d.wantUndecided(t, "with "+name, d.key.sign(t, d.good)); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the problem is %v, want one that says %q", err, c.says)
			}
		})
	}
	if got := elsewhere.calls(); got != 0 {
		t.Errorf("another server was called %d times", got)
	}
}

func TestAKeyThatCannotBeReadDoesNotSpoilTheOthers(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	d.issuer.show(map[string]any{"kty": "OKP", "crv": "Ed448", "x": "AA", "kid": "odd"}, 17, d.key.public())
	d.wantIn(t, "with the key that can be read", d.key.sign(t, d.good))
}
