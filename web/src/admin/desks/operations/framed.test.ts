import { describe, expect, it } from 'vitest';
import { framed } from './framed';

describe('a message in a frame', () => {
  it('has its styles in a sheet with the nonce', () => {
    const html =
      '<html><head><style>p{color:red}</style></head><p style="margin:0;font-family:&quot;Arial&quot;">Hello</p></html>';
    expect(framed(html, 'n1')).toBe(
      '<html><head><style nonce="n1">p{color:red}</style><style nonce="n1">[data-look="0"]{margin:0;font-family:"Arial"}</style>' +
        '</head><p data-look="0">Hello</p></html>',
    );
  });
  it('cannot leave the sheet', () => {
    expect(framed('<p style="color:red}</style><b>">x</p>', undefined)).not.toContain('}</style><b>');
  });
});
