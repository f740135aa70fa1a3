package httpapi

import (
	"io"
	"net/http"
	"time"
)

// Nobody keeps a connection by sending a part of a body, or by not reading an answer. net/http reads what is left of a body before it
// answers and after it has, which without a bound on time would last as long as the caller likes.
const (
	// lingerTime is how long what is left of a body may take to arrive once the answer is known.
	lingerTime = time.Second
	// answerTime is how long anything but an operation may take in all.
	answerTime = 2 * time.Minute
)

// inTime bounds how long a request's body may take to arrive, whether or not it is read, and how long its answer may take to leave.
// Operations bound what they write themselves: some are streams.
func inTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		// Not every connection has deadlines; where there are none, none is missed.
		if r.URL.Path != graphQLPath {
			_ = control.SetWriteDeadline(time.Now().Add(answerTime))
		}
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		_ = control.SetReadDeadline(time.Now().Add(bodyTime))
		body := &arrivingBody{ReadCloser: r.Body}
		r.Body = body
		next.ServeHTTP(&arrivalWriter{ResponseWriter: w, body: body}, r)
		if !body.whole {
			_ = control.SetReadDeadline(time.Now().Add(lingerTime))
		}
	})
}

// arrivingBody knows whether all of it has been read.
type arrivingBody struct {
	io.ReadCloser
	whole bool
}

// Read reads.
func (b *arrivingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.whole = b.whole || err == io.EOF
	return n, err
}

// arrivalWriter gives a body that nobody reads little time once the answer begins.
type arrivalWriter struct {
	http.ResponseWriter
	body  *arrivingBody
	begun bool
}

func (w *arrivalWriter) begin() {
	if !w.begun && !w.body.whole {
		_ = http.NewResponseController(w.ResponseWriter).SetReadDeadline(time.Now().Add(lingerTime))
	}
	w.begun = true
}

// WriteHeader begins the answer.
func (w *arrivalWriter) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

// Write begins the answer where nothing did.
func (w *arrivalWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *arrivalWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
