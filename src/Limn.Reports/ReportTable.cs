namespace Limn.Reports;

/// <summary>Tables of numbers, coloured where colours help to see the pattern.</summary>
/// <param name="Title">The heading.</param>
/// <param name="Introduction">One or two sentences under it; may be empty.</param>
/// <param name="Tables">The tables, in this order.</param>
public sealed record TableSection(string Title, string Introduction, IReadOnlyList<ReportTable> Tables) : ReportSection(Title);

/// <summary>A table with a heading for each column and each row.</summary>
/// <param name="Title">Its heading; may be empty.</param>
/// <param name="Columns">The headings of the columns, the first of them over the rows' headings (usually empty or one word).</param>
/// <param name="Rows">The rows, each of one cell less than there are columns.</param>
public sealed record ReportTable(string Title, IReadOnlyList<string> Columns, IReadOnlyList<ReportRow> Rows)
{
    /// <summary>A sentence above the table; may be empty.</summary>
    public string Caption { get; init; } = "";

    /// <summary>Whether columns are narrow, with their headings upright: for matrices.</summary>
    public bool Compact { get; init; }
}

/// <summary>A row of a table.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="Cells">Its cells.</param>
public sealed record ReportRow(string Title, IReadOnlyList<ReportCell> Cells)
{
    /// <summary>The section of the same report that the heading leads to; null for none.</summary>
    public ReportSection? Section { get; init; }
}

/// <summary>A cell of a table.</summary>
/// <param name="Text">What it says.</param>
public sealed record ReportCell(string Text)
{
    /// <summary>The strength of its colour, from −1 (blue) through 0 (none) to 1 (orange); null for a cell without colour.</summary>
    public double? Shade { get; init; }

    /// <summary>Whether it is words, set left, rather than a number, set right.</summary>
    public bool IsWords { get; init; }

    /// <summary>What it says in full, shown where a pointer rests on it; may be empty.</summary>
    public string Hint { get; init; } = "";
}
