using System.Runtime.CompilerServices;
using System.Text;

namespace Limn.Reports;

/// <summary>Finished markup. Everything that is not of this type is escaped when it is put into markup.</summary>
internal readonly record struct Markup(string Text)
{
    public override string ToString() => Text;
}

/// <summary>Builds HTML. <c>page.Add($"&lt;p&gt;{text}&lt;/p&gt;")</c> escapes what stands in braces, so that forgetting to escape cannot happen.</summary>
internal sealed class Html
{
    private readonly StringBuilder _text = new();

    public void Add([InterpolatedStringHandlerArgument("")] ref Handler handler)
    {
        _ = handler; // The handler has already written into this page.
        _text.Append('\n');
    }

    public void Add(Markup markup) => _text.Append(markup.Text).Append('\n');

    public override string ToString() => _text.ToString();

    /// <summary>Text for use between tags and in quoted attributes. Characters that HTML forbids (controls, lone surrogates) become U+FFFD.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            _ = rune.Value switch
            {
                '&' => escaped.Append("&amp;"),
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '"' => escaped.Append("&quot;"),
                '\'' => escaped.Append("&#39;"),
                '\t' or '\n' => escaped.Append((char)rune.Value),
                < 0x20 or (>= 0x7F and < 0xA0) => escaped.Append('\uFFFD'),
                _ => escaped.Append(rune.ToString()),
            };
        }

        return escaped.ToString();
    }

    [InterpolatedStringHandler]
    public readonly ref struct Handler
    {
        private readonly StringBuilder _text;

        public Handler(int literalLength, int formattedCount, Html page)
        {
            _ = (literalLength, formattedCount);
            _text = page._text;
        }

        public void AppendLiteral(string literal) => _text.Append(literal);

        public void AppendFormatted(Markup markup) => _text.Append(markup.Text);

        public void AppendFormatted(string? text) => _text.Append(Escape(text ?? ""));

        public void AppendFormatted(int number) => _text.Append(number);
    }
}
