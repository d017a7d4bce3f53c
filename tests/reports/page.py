"""What a test sees of a page."""

from html.parser import HTMLParser

NASTY = '<script>alert("x")</script>'


class Page(HTMLParser):
    """Collects what a page loads, links to, and says; checks that tags are balanced."""

    VOID = frozenset({'meta', 'img', 'br', 'link', 'input', 'hr'})

    def __init__(self, text):
        super().__init__()
        self.loaded, self.links, self.tags, self.words, self.open = [], [], [], [], []
        self.feed(text)
        assert not self.open, f'not closed: {self.open}'

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if tag == 'a' and name == 'href':
                self.links.append(value)
            elif name in {'src', 'href', 'srcset', 'data', 'poster', 'action'}:
                self.loaded.append(value)
            assert not name.startswith('on'), f'{tag} has {name}'

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in {'style', 'script'}:
            self.words.append(data)

    @property
    def text(self):
        return ' '.join(' '.join(self.words).split())


def read(path):
    return Page(path.read_text(encoding='utf-8'))
