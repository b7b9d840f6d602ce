namespace Limn.Reports;

/// <summary>Writes tables.</summary>
internal static class TableWriter
{
    /// <summary>From here on a colour is so dark that light letters are easier to read on it.</summary>
    private const double DarkFrom = 0.62;

    public static void Write(Html page, ReportTable table, Func<ReportSection, string?> anchorOf)
    {
        if (table.Title.Length > 0)
        {
            page.Add($"<h3>{table.Title}</h3>");
        }

        if (table.Caption.Length > 0)
        {
            page.Add($"<p class=\"lead\">{table.Caption}</p>");
        }

        page.Add($"<div class=\"table wide\"><table class=\"{(table.Compact ? "cells compact" : "cells")}\"><thead><tr>");
        for (int c = 0; c < table.Columns.Count; c++)
        {
            bool words = c == 0 || table.Rows.All(r => r.Cells[c - 1].IsWords);
            page.Add($"<th scope=\"col\" class=\"{(words ? "words" : "number")}\"><span>{table.Columns[c]}</span></th>");
        }

        page.Add($"</tr></thead><tbody>");
        foreach (ReportRow row in table.Rows)
        {
            page.Add($"<tr>");
            if (row.Section is not null && anchorOf(row.Section) is { } anchor)
            {
                page.Add($"<th scope=\"row\"><a href=\"#{anchor}\">{row.Title}</a></th>");
            }
            else
            {
                page.Add($"<th scope=\"row\">{row.Title}</th>");
            }

            foreach (ReportCell cell in row.Cells)
            {
                Cell(page, cell);
            }

            page.Add($"</tr>");
        }

        page.Add($"</tbody></table></div>");
    }

    private static void Cell(Html page, ReportCell cell)
    {
        string kind = cell.IsWords ? "words" : "number";
        Markup hint = new(cell.Hint.Length == 0 ? "" : $" title=\"{Html.Escape(cell.Hint)}\"");
        if (cell.Shade is double shade && double.IsFinite(shade))
        {
            string ink = Math.Abs(shade) > DarkFrom ? "#fff" : "#1d1f23";
            page.Add($"<td class=\"{kind} shade\" style=\"background:{Palette.Diverging(shade).Hex};color:{ink}\"{hint}>{cell.Text}</td>");
        }
        else
        {
            page.Add($"<td class=\"{kind}\"{hint}>{cell.Text}</td>");
        }
    }
}
