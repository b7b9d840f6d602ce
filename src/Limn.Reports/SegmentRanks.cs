using System.Globalization;
using Limn.Data;

namespace Limn.Reports;

/// <summary>Draws which parts of a picture count most: their outlines, and their ranks as numbers.</summary>
public static class SegmentRanks
{
    private const double Tint = 0.45;
    private const int Smallest = 256;
    private static readonly Rgb Up = new(0xd9, 0x72, 0x2b);
    private static readonly Rgb Down = new(0x4a, 0x86, 0xc5);
    private static readonly Rgb Line = new(255, 255, 255);
    private static readonly Rgb Ink = new(0x1d, 0x1f, 0x23);

    /// <summary>The segments by |value|, strongest first (ties by number); those of zero or no finite value are left out.</summary>
    public static IReadOnlyList<int> Order(IReadOnlyList<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return [.. Enumerable.Range(0, values.Count).Where(s => double.IsFinite(values[s]) && values[s] != 0).OrderByDescending(s => Math.Abs(values[s]))];
    }

    /// <summary>
    /// The picture with the outlines of all segments; the <paramref name="top"/> strongest are tinted, orange where they raise the score and blue where they lower it, and
    /// carry their rank at the pixel of theirs that is nearest to their middle.
    /// </summary>
    /// <param name="picture">The picture.</param>
    /// <param name="segments">The segment of each pixel, row by row; −1 for none.</param>
    /// <param name="values">What each segment adds.</param>
    /// <param name="top">How many carry a number.</param>
    /// <exception cref="ShapeMismatchException">There is not a segment for each pixel, or not a value for each segment.</exception>
    public static Image Draw(Image picture, IReadOnlyList<int> segments, IReadOnlyList<double> values, int top = 9)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(segments);
        ArgumentNullException.ThrowIfNull(values);
        (int width, int height) = (picture.Width, picture.Height);
        if (segments.Count != width * height) throw new ShapeMismatchException($"A picture of {picture.Size} pixels has a segment for each; got {segments.Count}.");
        if (segments.Where(s => s < -1 || s >= values.Count).Select(s => (int?)s).FirstOrDefault() is int stranger) throw new ShapeMismatchException($"Segment {stranger} has no value; there are {values.Count}.");
        int[] ranked = [.. Order(values).Take(top)];
        var rank = new int[values.Count];
        for (int i = 0; i < ranked.Length; i++) rank[ranked[i]] = i + 1;
        int times = Math.Max(1, (Smallest + Math.Max(width, height) - 1) / Math.Max(width, height));
        var canvas = new Canvas(width * times, height * times, Line);
        var pixels = new Rgb[width * height];
        for (int i = 0; i < pixels.Length; i++)
        {
            Span<byte> seen = picture[i % width, i / width];
            Rgb own = seen.Length >= 3 ? new Rgb(seen[0], seen[1], seen[2]) : new Rgb(seen[0], seen[0], seen[0]);
            pixels[i] = segments[i] >= 0 && rank[segments[i]] > 0 ? Mixed(own, values[segments[i]] > 0 ? Up : Down) : own;
        }

        canvas.Paste(pixels, width, times);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
            {
                int here = segments[y * width + x];
                if (x + 1 < width && segments[y * width + x + 1] != here) canvas.Fill((x + 1) * times - 1, y * times, 1, times, Line);
                if (y + 1 < height && segments[(y + 1) * width + x] != here) canvas.Fill(x * times, (y + 1) * times - 1, times, 1, Line);
            }

        for (int i = ranked.Length - 1; i >= 0; i--)
            if (Middle(segments, width, ranked[i]) is { } middle) Number(canvas, i + 1, middle.X * times + times / 2, middle.Y * times + times / 2);
        return canvas.ToImage();
    }

    private static void Number(Canvas canvas, int number, int x, int y)
    {
        const int scale = 2, margin = 3;
        string text = number.ToString(CultureInfo.InvariantCulture);
        int w = BitmapFont.Measure(text, scale), h = BitmapFont.Height * scale;
        int left = Math.Clamp(x - w / 2, margin, Math.Max(margin, canvas.Width - w - margin)), above = Math.Clamp(y - h / 2, margin, Math.Max(margin, canvas.Height - h - margin));
        canvas.Fill(left - margin, above - margin, w + 2 * margin, h + 2 * margin, Line);
        BitmapFont.Draw(canvas, text, left, above, scale, Ink);
    }

    /// <summary>The pixel of a segment that is nearest to its centre; null where it has none.</summary>
    private static (int X, int Y)? Middle(IReadOnlyList<int> segments, int width, int segment)
    {
        int[] own = [.. Enumerable.Range(0, segments.Count).Where(i => segments[i] == segment)];
        if (own.Length == 0) return null;
        double x = own.Average(i => (double)(i % width)), y = own.Average(i => (double)(i / width));
        int nearest = own.MinBy(i => (i % width - x) * (i % width - x) + (i / width - y) * (i / width - y));
        return (nearest % width, nearest / width);
    }

    private static Rgb Mixed(Rgb a, Rgb b)
    {
        static byte Mix(byte x, byte y) => (byte)Math.Round(x * (1 - Tint) + y * Tint);
        return new Rgb(Mix(a.Red, b.Red), Mix(a.Green, b.Green), Mix(a.Blue, b.Blue));
    }
}
