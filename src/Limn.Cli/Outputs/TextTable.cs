using Spectre.Console;

namespace Limn.Cli.Outputs;

/// <summary>Tables on the standard output.</summary>
internal static class TextTable
{
    private const int WidthOfFiles = 200;

    /// <summary>Prints a table. A column whose title begins with '>' is aligned to the right.</summary>
    public static void Print(CommandContext context, string[] titles, IEnumerable<string[]> rows)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(context.Out),
            Ansi = context.OutIsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
        });
        if (!context.OutIsTerminal) console.Profile.Width = WidthOfFiles;
        var table = new Table { Border = TableBorder.Simple, UseSafeBorder = false };
        foreach (string title in titles)
        {
            bool right = title.StartsWith('>');
            var column = new TableColumn(new Text(right ? title[1..] : title));
            if (right) column.RightAligned();
            table.AddColumn(column);
        }
        foreach (string[] row in rows) table.AddRow(row.Select(cell => new Text(cell)));
        console.Write(table);
    }
}
