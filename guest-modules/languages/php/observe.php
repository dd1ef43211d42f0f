<?php
// Reports its arguments, its environment and stdin as one JSON object; ../../README.md has the form.
// The query words exit, stderr, large and non-ascii are switches; ../README.md says what they do.

function quoted(string $bytes): string
{
    $escape = fn (array $match): string => sprintf('\u%04x', ord($match[0]));
    return '"' . preg_replace_callback('/[^ !#-\[\]-~]/', $escape, $bytes) . '"';
}

function report(string $body): string
{
    // PHP makes its arguments from the query itself; those of the process are not to be had.
    $arguments = array_map('quoted', $_SERVER['argv'] ?? []);
    $variables = [];
    foreach (getenv() as $name => $value) {
        $variables[] = '[' . quoted($name) . ',' . quoted($value) . ']';
    }
    return sprintf(
        '{"args":[%s],"env":[%s],"stdin":{"length":%d,"text":%s,"fnv1a64":"%s","eof":true}}',
        implode(',', $arguments),
        implode(',', $variables),
        strlen($body),
        quoted(substr($body, 0, 65536)),
        hash('fnv1a64', $body)
    );
}

$body = file_get_contents('php://input');
if (isset($_GET['stderr'])) {
    error_log('stderr-marker'); // php-cgi writes its log to stderr
}
if (isset($_GET['large'])) {
    header('Content-Type: text/plain');
    echo str_repeat('0123456789abcdef', (1 << 20) / 16);
} elseif (isset($_GET['non-ascii'])) {
    header('Content-Type: text/plain; charset=utf-8');
    echo "grüße, мир, 世界\n";
} else {
    header('Content-Type: application/json');
    echo report($body), "\n";
}
if (isset($_GET['exit'])) {
    exit(0);
}
