using Limn.Data;

namespace Limn.Reports;

/// <summary>The scale of a heat map: a strip of its colours with the numbers of its ends (and of zero, if that lies between them).</summary>
internal static class ColorBar
{
    private static readonly Rgb Paper = new(255, 255, 255);
    private static readonly Rgb Ink = new(40, 40, 40);

    /// <summary>The map, enlarged, with the colour bar to its right on white. An all-zero map has a bar whose only label is 0.</summary>
    public static Image Beside(Rgb[] pixels, int width, int times, bool diverging, double limit)
    {
        int mapWidth = width * times, mapHeight = pixels.Length / width * times;
        int scale = mapHeight >= 400 ? 2 : 1, gap = 6 * scale, strip = 12 * scale;
        string high = NumberText.Short(limit), low = "-" + high;
        int labels = BitmapFont.Measure(diverging && limit > 0 ? low : high, scale);
        // Three labels need their own room, whatever the map's height.
        int height = Math.Max(mapHeight, 5 * BitmapFont.Height * scale);
        var canvas = new Canvas(mapWidth + gap + strip + gap + labels + gap, height, Paper);
        canvas.Paste(pixels, width, times);

        int left = mapWidth + gap;
        canvas.Fill(left - 1, 0, strip + 2, height, Ink);
        for (int y = 1; y < height - 1; y++)
        {
            double fromTop = (y - 1) / (double)Math.Max(1, height - 3);
            Rgb colour = limit == 0
                ? (diverging ? Palette.Diverging(0) : Palette.Sequential(0))
                : diverging ? Palette.Diverging(1 - (2 * fromTop)) : Palette.Sequential(1 - fromTop);
            canvas.Fill(left, y, strip, 1, colour);
        }

        int text = left + strip + gap, top = 2 * scale, bottom = height - ((BitmapFont.Height + 2) * scale);
        if (limit == 0)
        {
            BitmapFont.Draw(canvas, "0", text, (top + bottom) / 2, scale, Ink);
            return canvas.ToImage();
        }

        BitmapFont.Draw(canvas, high, text, top, scale, Ink);
        if (diverging)
        {
            BitmapFont.Draw(canvas, "0", text, (top + bottom) / 2, scale, Ink);
        }

        BitmapFont.Draw(canvas, diverging ? low : "0", text, bottom, scale, Ink);
        return canvas.ToImage();
    }
}
