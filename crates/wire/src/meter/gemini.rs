//! The Gemini dialect: a stream of whole answers, each with the next parts.

use super::Finish;
use super::frame::{Read, Reader};
use crate::json::Kind;

impl Reader<'_, '_> {
    /// Gemini's JSON stream is an array of what its SSE stream sends one by one.
    pub(super) fn gemini_any(&mut self) -> Read {
        match self.scan.kind()? {
            Kind::Array => self.each(Self::gemini),
            _ => self.gemini(),
        }
    }

    fn gemini(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"responseId" => self.frame.id = self.word()?,
                b"modelVersion" => self.frame.model = self.word()?,
                b"candidates" => self.each(Self::candidate)?,
                b"usageMetadata" => self.usage()?,
                b"promptFeedback" => self.object(Self::feedback)?,
                b"error" => self.error()?,
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }

    fn candidate(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"content" => self.object(Self::gemini_content)?,
                b"finishReason" => {
                    self.finish()?;
                    self.frame.end |= self.frame.finish.is_some();
                }
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }

    fn feedback(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            if self.scan.name(key).as_ref() == b"blockReason" && self.text()?.is_some() {
                (self.frame.finish, self.frame.end) = (Some(Finish::Filtered), true);
            } else if self.scan.name(key).as_ref() != b"blockReason" {
                self.scan.skip()?;
            }
        }
        Ok(())
    }

    fn gemini_content(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"parts" => self.each(Self::gemini_part)?,
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }

    fn gemini_part(&mut self) -> Read {
        self.scan.enter_object()?;
        while let Some(key) = self.scan.next_key()? {
            match self.scan.name(key).as_ref() {
                b"text" => self.output()?,
                name @ (b"functionCall" | b"inlineData" | b"executableCode") => {
                    self.frame.content = true;
                    self.frame.calls |= name == b"functionCall";
                    self.frame.output_bytes += self.scan.skip()?.len() as u64;
                }
                _ => drop(self.scan.skip()?),
            }
        }
        Ok(())
    }
}
