using System.Text;

namespace Limn.Models;

/// <summary>A command line as one text: a program and its arguments.</summary>
internal static class CommandLineText
{
    /// <summary>
    /// Splits at white space, as no shell does: nothing is expanded, piped or run but the program itself. Single and double quotes keep white space; in double quotes, and outside
    /// of quotes, <c>\"</c> is a quote; any other backslash is a backslash, as paths of Windows need.
    /// </summary>
    /// <exception cref="InvalidOptionException">Nothing is left, or a quote is not closed.</exception>
    public static IReadOnlyList<string> Split(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<string> arguments = [];
        var current = new StringBuilder();
        char quote = '\0';
        bool begun = false;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == '\\' && quote != '\'' && i + 1 < text.Length && text[i + 1] == '"')
            {
                current.Append('"');
                begun = true;
                i++;
            }
            else if (quote != '\0' ? c == quote : c is '"' or '\'')
            {
                quote = quote == '\0' ? c : '\0';
                begun = true;
            }
            else if (quote == '\0' && char.IsWhiteSpace(c))
            {
                if (begun) arguments.Add(current.ToString());
                current.Clear();
                begun = false;
            }
            else
            {
                current.Append(c);
                begun = true;
            }
        }
        if (quote != '\0') throw new InvalidOptionException($"The command {text} has a quote {quote} that is not closed.");
        if (begun) arguments.Add(current.ToString());
        return arguments.Count > 0 && arguments[0].Length > 0 ? arguments : throw new InvalidOptionException("The command of a predictor is empty; give a program and its arguments, such as \"python3 score.py\".");
    }
}
