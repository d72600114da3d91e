"""A record of the pages' messages and requests during a test."""


class Recorder:
    """Errors on the console and in scripts, requested URLs, and the server's responses."""

    def __init__(self):
        self.problems = []
        self.requested = []
        self.responses = []

    def watch(self, page):
        """Record a page from now on, and return it."""
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("response", lambda response: self.responses.append(response))
        return page

    def _note_message(self, message):
        if message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def expect(self, text):
        """Require a problem that contains the text, and remove all that do."""
        expected = [problem for problem in self.problems if text in problem]
        assert expected, f"no {text!r} in {self.problems}"
        self.problems = [problem for problem in self.problems if problem not in expected]

    def fetched(self, part):
        """Return the responses from URLs that contain a text."""
        return [response for response in self.responses if part in response.url]
