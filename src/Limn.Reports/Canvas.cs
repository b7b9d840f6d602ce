using Limn.Data;

namespace Limn.Reports;

/// <summary>Pixels to draw on, cut at the edges.</summary>
internal sealed class Canvas(int width, int height, Rgb paper)
{
    private readonly byte[] _rgb = Paper(width, height, paper);

    public int Width => width;

    public int Height => height;

    public Image ToImage() => new(width, height, 3, _rgb);

    public void Fill(int left, int top, int w, int h, Rgb colour)
    {
        int right = Math.Min(width, left + w), bottom = Math.Min(height, top + h);
        for (int y = Math.Max(0, top); y < bottom; y++)
        {
            for (int x = Math.Max(0, left); x < right; x++)
            {
                int at = 3 * ((y * width) + x);
                (_rgb[at], _rgb[at + 1], _rgb[at + 2]) = (colour.Red, colour.Green, colour.Blue);
            }
        }
    }

    /// <summary>Copies a picture with its upper left corner at (0, 0), each of its pixels <paramref name="times"/> pixels wide and high.</summary>
    public void Paste(ReadOnlySpan<Rgb> pixels, int pixelsWidth, int times)
    {
        for (int i = 0; i < pixels.Length; i++)
        {
            Fill(i % pixelsWidth * times, i / pixelsWidth * times, times, times, pixels[i]);
        }
    }

    private static byte[] Paper(int width, int height, Rgb paper)
    {
        byte[] rgb = new byte[checked(3 * width * height)];
        for (int i = 0; i < rgb.Length; i += 3)
        {
            (rgb[i], rgb[i + 1], rgb[i + 2]) = (paper.Red, paper.Green, paper.Blue);
        }

        return rgb;
    }
}
