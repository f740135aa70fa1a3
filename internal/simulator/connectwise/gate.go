package connectwise

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"
)

// admit decides whether a request may reach the API at all; the error is a *refusal.
func (s *Simulator) admit(r *http.Request) error {
	settings := s.Settings()
	if settings.RequireTLS && r.TLS == nil {
		return &refusal{status: http.StatusForbidden, Code: "Security", Message: "SSL is required."}
	}
	if wait := s.limiter.take(s.options.Clock(), settings.RequestsPerMinute); wait > 0 {
		return &refusal{status: http.StatusTooManyRequests, retryAfter: int((wait + time.Second - 1) / time.Second)}
	}
	if settings.LongestURL > 0 && len(r.URL.RequestURI()) > settings.LongestURL {
		return &refusal{status: http.StatusRequestURITooLong, Code: "ConnectWiseApi", Message: "The request URL is too long."}
	}
	if settings.AnyCredentials {
		return nil
	}
	return s.authenticate(r, settings)
}

func (s *Simulator) authenticate(r *http.Request, settings Settings) error {
	user, password, hasCredentials := r.BasicAuth()
	company, key, _ := strings.Cut(user, "+")
	isRight := strings.EqualFold(company, s.options.CompanyID) && equal(key, s.options.PublicKey) && equal(password, s.options.PrivateKey)
	switch {
	case settings.KeysExpired, hasCredentials && !isRight:
		if settings.Cloud404 {
			return &refusal{status: http.StatusNotFound} // a page that is not JSON
		}
		return &refusal{status: http.StatusUnauthorized, Code: "Unauthorized", Message: "Invalid authentication credentials."}
	case !hasCredentials:
		return &refusal{status: http.StatusUnauthorized, Code: "ConnectWiseApi", Message: "UserNotAuthenticated"}
	case !s.isClientID(r.Header.Get("clientId")):
		return &refusal{status: http.StatusForbidden, Code: "Security", Message: permissionRefuse}
	}
	return nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (s *Simulator) isClientID(id string) bool {
	if s.options.ClientID == "" {
		return id != ""
	}
	return strings.EqualFold(id, s.options.ClientID)
}

// limiter counts calls in windows of a minute.
type limiter struct {
	mu     sync.Mutex
	begins time.Time
	used   int
}

// take uses up one call, or returns how long to wait for the next window. A limit of 0 is none.
func (l *limiter) take(now time.Time, perMinute int) time.Duration {
	if perMinute == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.begins) >= time.Minute {
		l.begins, l.used = now, 0
	}
	if l.used >= perMinute {
		return l.begins.Add(time.Minute).Sub(now)
	}
	l.used++
	return 0
}
