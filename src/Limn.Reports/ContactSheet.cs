using Limn.Data;

namespace Limn.Reports;

/// <summary>Pictures in rows and columns on one white sheet.</summary>
public static class ContactSheet
{
    /// <summary>Puts pictures of 1, 3 or 4 channels side by side; each column is as wide as its widest picture, each row as high as its highest.</summary>
    /// <param name="rows">The pictures; rows may have different lengths.</param>
    /// <param name="gap">White pixels between and around them.</param>
    public static Image Compose(IReadOnlyList<IReadOnlyList<Image>> rows, int gap = 12)
    {
        ArgumentNullException.ThrowIfNull(rows);
        int[] widths = [.. Enumerable.Range(0, rows.Max(r => r.Count)).Select(c => rows.Max(r => c < r.Count ? r[c].Width : 0))];
        int[] heights = [.. rows.Select(r => r.Max(p => p.Height))];
        Image sheet = Image.Filled(widths.Sum() + gap * (widths.Length + 1), heights.Sum() + gap * (heights.Length + 1), 255, 255, 255);
        int y = gap;
        for (int r = 0; r < rows.Count; r++)
        {
            int x = gap;
            for (int c = 0; c < rows[r].Count; c++)
            {
                Place(sheet, rows[r][c], x, y);
                x += widths[c] + gap;
            }
            y += heights[r] + gap;
        }
        return sheet;
    }

    /// <summary>Writes a label under a picture: small letters, digits, '-', '.'; anything else becomes a space.</summary>
    public static Image Labelled(Image picture, string label)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(label);
        const int Scale = 2, Margin = 6;
        string text = string.Concat(label.ToLowerInvariant().Select(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '-' or '.' or '_' or '+' ? c : ' '));
        int width = Math.Max(picture.Width, BitmapFont.Measure(text, Scale)), height = picture.Height + Margin + (BitmapFont.Height + BitmapFont.Descent) * Scale;
        var canvas = new Canvas(width, height, new Rgb(255, 255, 255));
        BitmapFont.Draw(canvas, text, 0, picture.Height + Margin, Scale, new Rgb(40, 40, 40));
        Image sheet = canvas.ToImage();
        Place(sheet, picture, 0, 0);
        return sheet;
    }

    private static void Place(Image sheet, Image picture, int left, int top)
    {
        for (int y = 0; y < picture.Height; y++)
            for (int x = 0; x < picture.Width; x++)
            {
                ReadOnlySpan<byte> from = picture[x, y];
                Span<byte> to = sheet[left + x, top + y];
                for (int k = 0; k < 3; k++) to[k] = from[picture.Channels == 1 ? 0 : k];
            }
    }
}
