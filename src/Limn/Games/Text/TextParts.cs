using System.Globalization;
using System.Text;

namespace Limn.Games;

/// <summary>A text in parts: words or sentences, and what stands between them.</summary>
/// <param name="Text">The text.</param>
/// <param name="Parts">Where each part is, in order and apart from each other.</param>
public sealed record TextParts(string Text, IReadOnlyList<(int Start, int Length)> Parts)
{
    /// <summary>Words: letters and digits, with apostrophes and hyphens inside. Signs of punctuation are no words, and stay.</summary>
    public static TextParts Words(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<(int, int)> words = [];
        for (int at = 0; at < text.Length;)
        {
            int start = at;
            while (at < text.Length && (IsOfWord(text[at]) || (at > start && at + 1 < text.Length && text[at] is '\'' or '’' or '-' && IsOfWord(text[at + 1])))) at++;
            if (at > start) words.Add((start, at - start));
            else at++;
        }
        return new TextParts(text, words);

        static bool IsOfWord(char c) => char.IsLetterOrDigit(c) || c == '_' || char.IsSurrogate(c) || char.GetUnicodeCategory(c) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
    }

    /// <summary>Sentences: up to a full stop, question or exclamation mark (with closing quotes) before white space, or to the end of a line.</summary>
    public static TextParts Sentences(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<(int, int)> sentences = [];
        int start = -1, end = 0;
        for (int at = 0; at < text.Length; at++)
        {
            if (!char.IsWhiteSpace(text[at]))
            {
                if (start < 0) start = at;
                end = at + 1;
            }
            if (start >= 0 && (text[at] == '\n' || at + 1 == text.Length || (char.IsWhiteSpace(text[at + 1]) && EndsSentence(text, start, at))))
            {
                sentences.Add((start, end - start));
                start = -1;
            }
        }
        return new TextParts(text, sentences);

        static bool EndsSentence(string text, int start, int at)
        {
            while (at > start && text[at] is '"' or '\'' or '”' or '’' or ')' or ']') at--;
            return text[at] is '.' or '!' or '?';
        }
    }

    /// <summary>A part, as it stands in the text.</summary>
    public string this[int part] => Text.Substring(Parts[part].Start, Parts[part].Length);

    /// <summary>The text without some of its parts: each is replaced by a token, or taken out together with the white space before it.</summary>
    /// <param name="stays">Whether a part stays.</param>
    /// <param name="token">What replaces a part; null to take it out.</param>
    public string With(Func<int, bool> stays, string? token)
    {
        ArgumentNullException.ThrowIfNull(stays);
        var kept = new StringBuilder(Text.Length);
        int from = 0;
        for (int p = 0; p < Parts.Count; p++)
        {
            (int start, int length) = Parts[p];
            kept.Append(Text, from, start - from);
            from = start + length;
            if (stays(p)) kept.Append(Text, start, length);
            else if (token is not null) kept.Append(token);
            else
                while (kept.Length > 0 && char.IsWhiteSpace(kept[^1])) kept.Length--;
        }
        return kept.Append(Text, from, Text.Length - from).ToString();
    }

    /// <summary>Which parts belong together: halves of halves within a stretch between signs of punctuation, these within a sentence, and sentences within the text.</summary>
    public Hierarchy Hierarchy()
    {
        List<(int, int)> joins = [];
        int Node() => Parts.Count + joins.Count - 1;
        int Halve(IReadOnlyList<int> nodes)
        {
            if (nodes.Count == 1) return nodes[0];
            int middle = (nodes.Count + 1) / 2, left = Halve([.. nodes.Take(middle)]), right = Halve([.. nodes.Skip(middle)]);
            joins.Add((left, right));
            return Node();
        }
        if (Parts.Count < 2) return new Hierarchy(Parts.Count, []);
        List<List<List<int>>> sentences = [[[]]];
        for (int p = 0; p < Parts.Count; p++)
        {
            int before = p == 0 ? 0 : Parts[p - 1].Start + Parts[p - 1].Length;
            string between = p == 0 ? "" : Text[before..Parts[p].Start];
            if (between.AsSpan().ContainsAny(".!?\n")) sentences.Add([[]]);
            else if (between.Any(char.IsPunctuation)) sentences[^1].Add([]);
            sentences[^1][^1].Add(p);
        }
        Halve([.. sentences.Select(s => Halve([.. s.Select(Halve)]))]);
        return new Hierarchy(Parts.Count, joins);
    }
}
